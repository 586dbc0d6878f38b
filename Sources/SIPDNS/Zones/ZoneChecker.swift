// SPDX-License-Identifier: Apache-2.0

package import SIPLocation

/// Checks zone files: `brana zone check`.
package enum ZoneChecker {
    /// Everything that is wrong in the files, file by file in the order given.
    ///
    /// Zones of one run know each other, so that a target in another file is looked up there. What cannot be read is a
    /// finding too.
    package static func findings(in files: [String]) -> [ZoneFinding] {
        var zones: [(file: String, result: Result<Zone, ZoneProblems>)] = []
        for file in files {
            do throws(ZoneProblems) {
                zones.append((file, .success(try ZoneFile.zone(of: file))))
            } catch {
                zones.append((file, .failure(error)))
            }
        }
        return zones.enumerated().flatMap { index, entry -> [ZoneFinding] in
            switch entry.result {
            case .failure(let problems): return problems.problems.map { ZoneFinding($0) }
            case .success(let zone):
                let others = zones.enumerated().compactMap { $0 == index ? nil : try? $1.result.get() }
                return ZoneCheck.findings(in: zone, file: entry.file, neighbours: others)
            }
        }
    }
}
