// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// What goes wrong, by chance.
enum Trouble: String, CaseIterable {
    case hang, crash, dark, slow, busy, reset, stall, clientLoss, backendLoss, latency, dnsChange, dnsFailure, dnsSlow
    case reload, clientCut, clientStall
}

extension World {
    /// Brings trouble, and after a while another one.
    func bringTrouble() {
        agenda.after(dice.wait(mean: settings.troublePause)) { [self] in
            guard isActive else { return }
            if let trouble = dice.pick(Trouble.allCases) {
                count.troubles[trouble.rawValue, default: 0] += 1
                trace("trouble: \(trouble)")
                begin(trouble)
            }
            bringTrouble()
        }
    }

    private func begin(_ trouble: Trouble) {
        switch trouble {
        case .hang: misbehave(.hangs)
        case .crash: misbehave(.down)
        case .dark: misbehave(.dark)
        case .slow: misbehave(.slow(Double(dice.number(1...8))))
        case .busy: misbehave(.busy(dice.pick(nil, 0, 2, 20)))
        case .reset: dice.pick(backends)?.resetConnections()
        case .stall: dice.pick(backends)?.stall(until: agenda.now + dice.time(0.5, 6))
        case .clientLoss: lose(\.clientLoss)
        case .backendLoss: lose(\.backendLoss)
        case .latency:
            network.conditions.longestDelay = 0.12
            network.conditions.cut = 60
            agenda.after(duration(mean: 15)) { self.network.conditions.calm() }
        case .dnsChange:
            dns.change(dice.number(0...settings.pools - 1))
            plane.refresh()
        case .dnsFailure: disturbNames(.fails)
        case .dnsSlow: disturbNames(.slow)
        case .reload: plane.reload()
        case .clientCut: dice.pick(clients)?.disrupt()
        case .clientStall: dice.pick(clients)?.stall(until: agenda.now + dice.time(0.5, 10))
        }
    }

    private func duration(mean: Double) -> TimeAmount { .milliseconds(200) + dice.wait(mean: mean) }

    private func misbehave(_ mode: Backend.Mode) {
        guard let backend = dice.pick(backends), backend.mode == .healthy else { return }
        backend.become(mode)
        agenda.after(duration(mean: 15)) { if backend.mode == mode { backend.become(.healthy) } }
    }

    private func lose(_ path: WritableKeyPath<Conditions, Double>) {
        network.conditions[keyPath: path] = Double(dice.number(5...40))
        network.conditions.duplication = Double(dice.number(0...20))
        agenda.after(duration(mean: 10)) { [self] in
            network.conditions[keyPath: path] = 0
            network.conditions.duplication = 0
        }
    }

    private func disturbNames(_ mode: NameService.Mode) {
        dns.become(mode)
        agenda.after(duration(mean: 8)) { self.dns.become(.answers) }
    }

    /// The end of all trouble.
    func heal() {
        network.conditions = Conditions()
        dns.become(.answers)
        for backend in backends { backend.become(.healthy) }
    }
}

extension Conditions {
    mutating func calm() {
        longestDelay = Conditions().longestDelay
        cut = Conditions().cut
    }
}
