// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import SIPLocation

/// Where a zone comes from.
package enum ZoneSource: Sendable, Hashable {
    case file(String)
    /// The text of a zone file, under a name for messages; the demonstration writes its zone itself.
    case text(String, name: String)

    package var name: String {
        switch self {
        case .file(let path): path
        case .text(_, let name): name
        }
    }

    func zone() throws(ZoneProblems) -> Zone {
        switch self {
        case .file(let path): try ZoneFile.zone(of: path)
        case .text(let text, let name): try Zone(try ZoneFile.records(in: text, file: name), file: name)
        }
    }

    /// What tells a changed file from an unchanged one; nil when it cannot be seen.
    func stamp() -> FileStamp? {
        guard case .file(let path) = self else { return FileStamp() }
        return FileStamp(of: path)
    }
}

/// The time, size and identity of a file's content, by which a changed one is told from an unchanged one.
package struct FileStamp: Sendable, Hashable {
    var seconds = 0
    var nanoseconds = 0
    var size = 0
    /// An editor replaces a file by another of the same second and size.
    var node: UInt64 = 0

    package init(seconds: Int = 0, nanoseconds: Int = 0, size: Int = 0, node: UInt64 = 0) {
        (self.seconds, self.nanoseconds, self.size, self.node) = (seconds, nanoseconds, size, node)
    }

    /// How a file is now, or what a link leads to; nil when it cannot be seen.
    package init?(of path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        self.init(
            seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec,
            size: Int(status.st_size),
            node: UInt64(status.st_ino)
        )
    }
}

/// A zone that is served, and what it was read from.
struct ServedZone: Sendable {
    var source: ZoneSource
    var stamp: FileStamp?
    var zone: Zone

    /// Reads every source; when any is bad, the problems of all.
    static func load(_ sources: [ZoneSource]) throws(ZoneProblems) -> [ServedZone] {
        var zones: [ServedZone] = []
        var problems: [ZoneProblem] = []
        for source in sources {
            let stamp = source.stamp()
            do throws(ZoneProblems) {
                let zone = try source.zone()
                if zones.contains(where: { $0.zone.origin == zone.origin }) {
                    let message = "the zone \(zone.origin) is in another file already"
                    problems.append(ZoneProblem(file: source.name, line: 0, message: message))
                }
                zones.append(ServedZone(source: source, stamp: stamp, zone: zone))
            } catch {
                problems += error.problems
            }
        }
        guard problems.isEmpty else { throw ZoneProblems(problems) }
        return zones
    }

    /// What changed on disk since the zones were read: the new zone, or why it is refused.
    static func changes(_ zones: [(source: ZoneSource, stamp: FileStamp?)]) -> [Change] {
        zones.enumerated().compactMap { index, known in
            let stamp = known.source.stamp()
            guard stamp != known.stamp else { return nil }
            do throws(ZoneProblems) {
                return Change(index: index, stamp: stamp, result: .success(try known.source.zone()))
            } catch {
                return Change(index: index, stamp: stamp, result: .failure(error))
            }
        }
    }

    struct Change: Sendable {
        let index: Int
        let stamp: FileStamp?
        let result: Result<Zone, ZoneProblems>
    }
}
