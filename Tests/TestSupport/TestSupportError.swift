// SPDX-License-Identifier: Apache-2.0

/// What went wrong in a test's surroundings, in words that say what to do.
package struct TestSupportError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
