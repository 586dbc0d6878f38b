// SPDX-License-Identifier: Apache-2.0

internal import Yams

/// TLS profiles.
extension SectionReader {
    func readTLS(_ node: Node, _ path: String) -> TLSSettings {
        var profile = TLSSettings()
        guard let tls = reader.mapping(node, path, .tls) else { return profile }
        profile.certificate = tls.filePath("certificate", checks: checksFiles)
        profile.key = tls.filePath("key", checks: checksFiles)
        profile.furtherCertificates = readFurther(tls, .furtherCertificate, path)
        profile.ca = tls.filePath("ca", checks: checksFiles)
        profile.crl = tls.filePath("crl", checks: checksFiles)
        tls.bool("verify", &profile.verify)
        tls.bool("require", &profile.require)
        tls.bool("session_tickets", &profile.sessionTickets)
        tls.bool("allow_cbc", &profile.allowsCBC)
        tls.bool("strict_server_names", &profile.strictServerNames)
        tls.integer("verify_depth", in: 0...100, &profile.verifyDepth)
        tls.choice("eku", &profile.keyUsage)
        tls.choice("eku_client", &profile.clientKeyUsage)
        tls.choice("crl_mode", &profile.crlMode)
        tls.choice("ocsp", &profile.ocsp)
        tls.bool("ocsp_fetch", &profile.fetchesOCSP)
        profile.ocspResponse = tls.filePath("ocsp_response", checks: checksFiles)
        profile.ciphers = tls.string("ciphers")
        profile.cipherSuites = tls.string("cipher_suites")
        profile.groups = tls.string("groups")
        readVersions(tls, into: &profile)
        for (index, entry) in tls.entries("server_names").enumerated() {
            guard let name = readServerName(entry, "\(path).server_names", index) else { continue }
            profile.serverNames.append(name)
        }
        check(tls, profile)
        return profile
    }

    /// What keys say of each other.
    private func check(_ tls: MappingReader, _ profile: TLSSettings) {
        let path = tls.path
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
        if let node = tls["ocsp_response"], tls["certificate"] == nil {
            reader.error(node, "\(path): ocsp_response is about a 'certificate', which is not there")
        }
        if !profile.furtherCertificates.isEmpty, tls["certificate"] == nil {
            reader.error(tls["further_certificates"], "\(path): further certificates need the first, 'certificate'")
        }
        if profile.crl != nil, tls["ca"] == nil {
            reader.error(tls["crl"], "\(path): a revocation list needs the authorities in 'ca'")
        }
        if let node = tls["crl_mode"], tls["crl"] == nil {
            reader.error(node, "\(path): crl_mode needs a revocation list in 'crl'")
        }
        if profile.keyUsage == .strict, profile.clientKeyUsage == .acceptServerAuth {
            reader.error(tls["eku_client"], "\(path): eku: strict takes no certificate made for servers of the web")
        }
    }

    /// Certificates beside the one of the section, with their keys.
    private func readFurther(
        _ values: MappingReader,
        _ section: ConfigurationSection,
        _ place: String
    ) -> [TLSSettings.CertificateFiles] {
        let (key, path) = ("further_certificates", values.path("further_certificates"))
        return values.entries(key).enumerated().compactMap { index, node in
            reader.mapping(node, path, section).flatMap { readCertificate($0, node, "\(place).\(key).\(index)") }
        }
    }

    /// A certificate and its key, which must both be there.
    private func readCertificate(
        _ values: MappingReader,
        _ node: Node,
        _ place: String
    ) -> TLSSettings.CertificateFiles? {
        for key in ["certificate", "key"] where values[key] == nil {
            reader.error(node, "\(values.path) needs '\(key)'")
        }
        for key in ["certificate", "key", "ocsp_response"] { reader.remember(values[key], at: "\(place).\(key)") }
        let certificate = values.filePath("certificate", checks: checksFiles)
        let key = values.filePath("key", checks: checksFiles)
        guard let certificate, let key else { return nil }
        let response = values.filePath("ocsp_response", checks: checksFiles)
        return TLSSettings.CertificateFiles(certificate: certificate, key: key, ocspResponse: response)
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

    private func readServerName(_ node: Node, _ path: String, _ index: Int) -> TLSSettings.ServerName? {
        guard let entry = reader.mapping(node, path, .serverName) else { return nil }
        let name = entry.required("name")?.lowercased()
        if entry["profile"] != nil {
            for key in ["certificate", "key", "ocsp_response", "further_certificates"] where entry[key] != nil {
                reader.error(entry[key], "\(path): a profile brings its own '\(key)'; take one of both")
            }
            guard let profile = tlsProfile(entry, "profile"), let name else { return nil }
            return TLSSettings.ServerName(name: name, certificates: [], profile: profile)
        }
        let place = "\(path).\(index)"
        let first = readCertificate(entry, node, place)
        let further = readFurther(entry, .serverNameCertificate, place)
        guard let name, let first else { return nil }
        return TLSSettings.ServerName(name: name, certificates: [first] + further, profile: nil)
    }

    /// Looks at the profiles that server names lead to, once all have been read.
    func checkServerNames(_ configuration: Configuration) {
        for entry in file["tls"]?.mapping.map(Array.init) ?? [] {
            for name in entry.value["server_names"]?.sequence ?? [] {
                guard let profile = name["profile"]?.string else { continue }
                checkCertificate(of: profile, configuration, name["profile"])
            }
        }
    }
}
