// SPDX-License-Identifier: Apache-2.0

internal import CFuzzer
package import NIOCore

/// libFuzzer around a check.
package enum Fuzzer {
    nonisolated(unsafe) private static var check: ((ByteBuffer) -> Void)?

    /// Runs `check` on one input after another, as the arguments of the process say, and returns the exit status.
    package static func run(_ check: @escaping (ByteBuffer) -> Void) -> Int32 {
        self.check = check
        var count = CommandLine.argc
        var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        return LLVMFuzzerRunDriver(&count, &arguments) { data, size in
            Fuzzer.one(UnsafeRawBufferPointer(start: data, count: size))
            return 0
        }
    }

    /// Hands the input over in a buffer in which not one byte before and behind it may be touched.
    ///
    /// A `ByteBuffer` is larger than what it holds, so that the address sanitizer alone would miss a read beyond.
    private static func one(_ input: UnsafeRawBufferPointer) {
        let margin = 16
        var buffer = ByteBufferAllocator().buffer(capacity: input.count + 2 * margin)
        buffer.writeRepeatingByte(0x4C, count: margin)
        buffer.writeBytes(input)
        buffer.moveReaderIndex(forwardBy: margin)
        let end = buffer.writerIndex
        buffer.withVeryUnsafeBytes { storage in
            guard let base = storage.baseAddress else { return }
            fuzzer_forbid(base, margin)
            fuzzer_forbid(base + end, storage.count - end)
        }
        check?(buffer)
        buffer.withVeryUnsafeBytes { storage in
            if let base = storage.baseAddress { fuzzer_allow(base, storage.count) }
        }
    }
}

/// Ends the process, which keeps the input, when something does not hold.
package func claim(
    _ holds: Bool,
    _ what: @autoclosure () -> String,
    file: StaticString = #fileID,
    line: UInt = #line
) {
    if !holds { fatalError(what(), file: file, line: line) }
}
