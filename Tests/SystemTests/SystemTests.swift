// SPDX-License-Identifier: Apache-2.0

import Testing

/// Real processes against each other, one test at a time: every suite of this target hangs below this one.
@Suite(.serialized, .timeLimit(.minutes(5)))
enum SystemTests {}
