// SPDX-License-Identifier: Apache-2.0

package import NIOCore

/// The rules by which a pool's backends are judged; the defaults are those of the configuration.
package struct HealthPolicy: Sendable, Hashable {
    /// Whether backends are probed with OPTIONS; if not, only live traffic judges them.
    package var isProbing = true
    /// Between two probes of a backend in good health.
    package var interval: TimeAmount = .seconds(5)
    /// How far an interval strays either way, as a share of it, so that edges do not probe in step.
    package var jitter = 0.2
    /// How long a probe waits for its answer.
    package var timeout: TimeAmount = .seconds(2)
    /// The first interval after a failed probe; it doubles up to ``downInterval`` (OVL-27).
    package var retryInterval: TimeAmount = .seconds(1)
    /// The longest interval between probes of a backend that is down.
    package var downInterval: TimeAmount = .seconds(30)
    /// So many failures in a row take a backend down.
    package var fall = 2
    /// So many good probes in a row bring it up.
    package var rise = 1
    /// The statuses that a probe may be answered with; nil accepts every final one but 503 (OVL-26).
    package var acceptedStatuses: Set<UInt16>?
    /// Whether a new backend waits for its first good probe, unless no other is usable (LOC-55).
    package var probeBeforeUse = true

    /// So many failed requests in a row eject a backend (LOC-50).
    package var ejectAfter = 3
    /// Above this share of failed requests a backend is ejected.
    package var ejectShare = 0.5
    /// The share is looked at from so many requests on.
    package var ejectMinimum = 20
    /// The first time for which an ejected backend is left alone; it doubles up to ``ejectLimit``.
    package var ejectTime: TimeAmount = .seconds(5)
    package var ejectLimit: TimeAmount = .seconds(60)
    /// At most this share of a pool is ejected at once.
    package var ejectedShareLimit = 0.5
    /// The longest Retry-After that is honoured (LOC-49).
    package var retryAfterLimit: TimeAmount = .seconds(300)
    /// A Retry-After younger than this counts even when no backend is usable (LOC-54).
    package var panicHold: TimeAmount = .seconds(2)
    /// How long a backend takes from a tenth to all of its weight when it comes or comes back; zero is off (LOC-55).
    package var slowStart: TimeAmount = .seconds(30)

    package init() {}

    /// Whether a probe that is answered with `status` is passed.
    package func accepts(_ status: UInt16) -> Bool {
        acceptedStatuses?.contains(status) ?? (status >= 200 && status != 503)
    }

    /// Whether a backend without verdict has to wait.
    package var waitsForProbe: Bool { isProbing && probeBeforeUse }
}
