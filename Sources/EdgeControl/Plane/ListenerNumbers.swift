// SPDX-License-Identifier: Apache-2.0

internal import BackendPool
internal import EdgeConfiguration
internal import SIPMessage
internal import SIPProxy

/// Keeps the numbers of listeners and pools over reloads, so that what is known by number stays true.
struct Numbers {
    private struct ListenerKey: Hashable {
        let name: String
        let address: IPAddress
        let port: UInt16
        let transport: SIPTransport
    }

    private var listeners: [ListenerKey: UInt8] = [:]
    private var pools: [String: UInt16] = [:]

    /// The listener's number: the same as long as name, address and transport are.
    mutating func listener(_ settings: ListenerSettings) -> ListenerID {
        let key = ListenerKey(
            name: settings.name,
            address: settings.address,
            port: settings.port,
            transport: settings.transport
        )
        if let number = listeners[key] { return ListenerID(index: number) }
        let taken = Set(listeners.values)
        let number = (UInt8.min ... .max).first { !taken.contains($0) } ?? .max
        listeners[key] = number
        return ListenerID(index: number)
    }

    /// The numbers that listeners of a name have had, at whatever addresses.
    func listeners(named name: String) -> [Int] {
        listeners.filter { $0.key.name == name }.map { Int($0.value) }
    }

    /// The name of the listener with that number; nil when there never was one.
    func name(of id: ListenerID) -> String? {
        listeners.first { $0.value == id.index }?.key.name
    }

    /// The name of the pool with that number; nil when there never was one.
    func name(of id: PoolID) -> String? {
        pools.first { $0.value == id.index }?.key
    }

    /// The pool's number: the same as long as its name is.
    mutating func pool(_ name: String) -> UInt16 {
        if let number = pools[name] { return number }
        let number = UInt16(truncatingIfNeeded: pools.count)
        pools[name] = number
        return number
    }

    /// Pools that were ever numbered.
    var poolCount: Int { pools.count }
}
