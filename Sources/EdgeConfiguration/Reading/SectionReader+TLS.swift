// SPDX-License-Identifier: Apache-2.0

internal import Yams

/// TLS profiles.
extension SectionReader {
    func readTLS(_ node: Node, _ path: String) -> TLSSettings {
        var profile = TLSSettings()
        guard let tls = reader.mapping(node, path, .tls) else { return profile }
        profile.certificate = tls.filePath("certificate", checks: checksFiles)
        profile.key = tls.filePath("key", checks: checksFiles)
        profile.ca = tls.filePath("ca", checks: checksFiles)
        profile.crl = tls.filePath("crl", checks: checksFiles)
        tls.bool("verify", &profile.verify)
        tls.bool("require", &profile.require)
        tls.bool("session_tickets", &profile.sessionTickets)
        tls.integer("verify_depth", in: 0...100, &profile.verifyDepth)
        profile.ciphers = tls.string("ciphers")
        profile.cipherSuites = tls.string("cipher_suites")
        readVersions(tls, into: &profile)
        if profile.require, !profile.verify {
            reader.error(
                tls["require"],
                "\(path): require needs verify; a certificate that is not checked proves nothing"
            )
        }
        if profile.certificate != nil, tls["key"] == nil {
            reader.error(tls["certificate"], "\(path): a certificate needs its 'key'")
        }
        if profile.key != nil, tls["certificate"] == nil {
            reader.error(tls["key"], "\(path): a key needs its 'certificate'")
        }
        if profile.crl != nil, tls["ca"] == nil {
            reader.error(tls["crl"], "\(path): a revocation list needs the authorities in 'ca'")
        }
        for entry in tls.entries("server_names") {
            guard let name = readServerName(entry, path) else { continue }
            for key in ["certificate", "key"] {
                reader.remember(entry[key], at: "\(path).server_names.\(profile.serverNames.count).\(key)")
            }
            profile.serverNames.append(name)
        }
        return profile
    }

    private func readVersions(_ tls: MappingReader, into profile: inout TLSSettings) {
        let versions = ["1.0", "1.1", "1.2", "1.3"]
        for key in ["minimum_version", "maximum_version"] {
            guard let text = tls.string(key) else { continue }
            guard versions.contains(text) else {
                reader.error(tls[key], "\(tls.path(key)) must be one of \"1.0\", \"1.1\", \"1.2\", \"1.3\"")
                continue
            }
            if key == "minimum_version" { profile.minimumVersion = text } else { profile.maximumVersion = text }
        }
        if profile.minimumVersion < "1.2" {
            reader.warn(tls["minimum_version"], "TLS \(profile.minimumVersion) is broken (RFC 8996); use 1.2 or 1.3")
        }
        if profile.minimumVersion > profile.maximumVersion {
            reader.error(
                tls["minimum_version"] ?? tls["maximum_version"],
                "\(tls.path): minimum_version is above maximum_version"
            )
        }
    }

    private func readServerName(_ node: Node, _ path: String) -> TLSSettings.ServerName? {
        guard let entry = reader.mapping(node, "\(path).server_names", .serverName) else { return nil }
        let name = entry.required("name")
        for key in ["certificate", "key"] where entry[key] == nil {
            reader.error(node, "\(path).server_names needs '\(key)'")
        }
        let certificate = entry.filePath("certificate", checks: checksFiles)
        let key = entry.filePath("key", checks: checksFiles)
        guard let name, let certificate, let key else { return nil }
        return TLSSettings.ServerName(name: name.lowercased(), certificate: certificate, key: key)
    }
}
