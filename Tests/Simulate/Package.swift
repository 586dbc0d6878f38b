// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that a build of Brana never builds it: the simulator in release mode, over links to the
// real sources. `run.sh` builds it.
let package = Package(
    name: "Simulate",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    ],
    targets: [
        .target(name: "SIPMessage", dependencies: [nioCore], swiftSettings: strict),
        .target(name: "BackendPool", dependencies: ["SIPMessage", nioCore], swiftSettings: strict),
        .target(
            name: "SIPProxy",
            dependencies: [
                "SIPMessage", "BackendPool", nioCore, .product(name: "Collections", package: "swift-collections"),
            ],
            swiftSettings: strict
        ),
        // The pure part of the driver: when connections are tried, and in which order.
        .target(
            name: "EdgeRuntime",
            dependencies: [nioCore],
            exclude: ["BackendFlows.swift", "FlowUse.swift", "StaggeredConnect.swift"],
            sources: ["ConnectBackoff.swift", "ConnectRace.swift"],
            swiftSettings: strict
        ),
        .target(name: "TestSupport", swiftSettings: strict),
        .target(
            name: "Simulator",
            dependencies: ["SIPMessage", "BackendPool", "SIPProxy", "EdgeRuntime", "TestSupport", nioCore],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "Simulate",
            dependencies: ["Simulator", "SIPMessage", nioCore],
            swiftSettings: strict
        ),
    ],
    swiftLanguageModes: [.v6]
)

var nioCore: Target.Dependency { .product(name: "NIOCore", package: "swift-nio") }

var strict: [SwiftSetting] {
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .treatAllWarnings(as: .error),
    ]
}
