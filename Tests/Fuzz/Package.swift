// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that a build of Brana never builds it. `Sources/SIPMessage` and its likes are links to the
// real sources: their interface is `package`, which another package could not reach. `run.sh` builds it and adds the
// fuzzer's run time.
let package = Package(
    name: "Fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    ],
    targets: [
        .target(name: "SIPMessage", dependencies: [nioCore], swiftSettings: strict + [counted]),
        .target(name: "ProxyProtocol", dependencies: ["SIPMessage", nioCore], swiftSettings: strict + [counted]),
        .target(name: "SIPLocation", dependencies: ["SIPMessage", nioCore], swiftSettings: strict + [counted]),
        .target(name: "BackendPool", dependencies: ["SIPMessage", nioCore], swiftSettings: strict + [counted]),
        .target(
            name: "SIPProxy",
            dependencies: ["SIPMessage", "BackendPool", nioCore, collections],
            swiftSettings: strict + [counted]
        ),
        .target(name: "TestSupport", swiftSettings: strict),
        .systemLibrary(name: "CLDNS", pkgConfig: "ldns"),
        .target(
            name: "SIPDNS",
            dependencies: ["CLDNS", "SIPLocation", "SIPMessage", nioCore, nioPosix],
            // What reads messages is the module's own affair.
            swiftSettings: strict + [counted, .unsafeFlags(["-enable-testing"])]
        ),
        .target(name: "CFuzzer"),
        .target(name: "FuzzSupport", dependencies: ["SIPMessage", "CFuzzer", nioCore], swiftSettings: strict),
        .executableTarget(
            name: "FuzzParser",
            dependencies: ["FuzzSupport", "SIPMessage", nioCore],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "FuzzFramer",
            dependencies: ["FuzzSupport", "SIPMessage", nioCore],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "FuzzCore",
            dependencies: ["FuzzSupport", "SIPProxy", "BackendPool", "SIPMessage", "TestSupport", nioCore],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "FuzzProxy",
            dependencies: ["FuzzSupport", "ProxyProtocol", "SIPMessage", nioCore],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "FuzzResponse",
            dependencies: ["FuzzSupport", "SIPDNS", "SIPLocation", nioCore],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "FuzzZone",
            dependencies: ["FuzzSupport", "SIPDNS", "SIPLocation", nioCore],
            swiftSettings: strict
        ),
    ],
    swiftLanguageModes: [.v6]
)

var nioCore: Target.Dependency { .product(name: "NIOCore", package: "swift-nio") }
var collections: Target.Dependency { .product(name: "DequeModule", package: "swift-collections") }
var nioPosix: Target.Dependency { .product(name: "NIOPosix", package: "swift-nio") }

/// Counts the edges that an input takes, in the code under test alone: nothing else leads the fuzzer.
var counted: SwiftSetting { .unsafeFlags(["-sanitize=fuzzer"]) }

var strict: [SwiftSetting] {
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .treatAllWarnings(as: .error),
    ]
}
