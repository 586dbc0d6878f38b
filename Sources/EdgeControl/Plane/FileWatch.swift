// SPDX-License-Identifier: Apache-2.0

internal import EdgeConfiguration
internal import Logging
internal import SIPDNS

/// Tells when files have changed and stand still again, so that a certificate is not read before its key is there.
struct FileWatch: Sendable {
    /// How each file was; one that is not there has no stamp.
    typealias Stamps = [String: FileStamp?]

    /// How often the files are looked at.
    static let interval = Duration.seconds(2)

    /// What was read, or tried.
    private var handled: Stamps
    private var changed: Stamps?

    init(_ stamps: Stamps) {
        handled = stamps
    }

    /// Whether the files are to be read anew: they are others than before, and the same as at the look before this one.
    ///
    /// Files of a new configuration have just been read.
    mutating func look(_ stamps: Stamps) -> Bool {
        if stamps.keys != handled.keys { handled = stamps }
        guard stamps != handled else {
            changed = nil
            return false
        }
        guard stamps == changed else {
            changed = stamps
            return false
        }
        (handled, changed) = (stamps, nil)
        return true
    }

    /// How files are now.
    static func stamps(of files: Set<String>) -> Stamps {
        Stamps(uniqueKeysWithValues: files.map { ($0, FileStamp(of: $0)) })
    }
}

extension Configuration {
    /// The files of certificates, keys, authorities, revocations, flow tokens and tickets that it names.
    var watchedFiles: Set<String> {
        Set(tls.values.flatMap { $0.files.map(\.file) } + edge.tokenKeyFiles + edge.ticketKeyFiles)
    }
}

extension ControlPlane {
    /// Reads everything anew when a file has changed that the configuration names, where that is asked for.
    func lookAtFiles() async {
        guard configuration.edge.watchesFiles,
            fileWatch.look(FileWatch.stamps(of: configuration.watchedFiles))
        else { return }
        logger.notice("a file has changed that the configuration names; reloading")
        _ = await reload()
    }

    /// Notes how the files are that are about to be read.
    func noteFiles() {
        fileWatch = FileWatch(FileWatch.stamps(of: configuration.watchedFiles))
    }
}
