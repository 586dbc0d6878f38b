// swift-tools-version: 6.2
import PackageDescription

/// What every target is built with: each import says who may see it, every existential is spelled out, and a warning
/// is an error.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioTestUtils = Target.Dependency.product(name: "NIOTestUtils", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioConcurrency = Target.Dependency.product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let collections = Target.Dependency.product(name: "Collections", package: "swift-collections")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let hdrHistogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
    name: "brana",
    platforms: [.macOS(.v15)],
    products: [.executable(name: "brana", targets: ["brana"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLDNS", pkgConfig: "ldns", providers: [.apt(["libldns-dev"])]),

        // Pure: values in, values out.
        .target(name: "SIPMessage", dependencies: [nioCore], swiftSettings: strict),
        .target(name: "ProxyProtocol", dependencies: ["SIPMessage", nioCore], swiftSettings: strict),
        .target(name: "SIPLocation", dependencies: ["SIPMessage", nioCore], swiftSettings: strict),
        .target(name: "BackendPool", dependencies: ["SIPMessage", nioCore], swiftSettings: strict),
        .target(
            name: "SIPProxy",
            dependencies: ["SIPMessage", "BackendPool", nioCore, collections],
            swiftSettings: strict
        ),
        .target(name: "Telemetry", dependencies: [hdrHistogram], swiftSettings: strict),
        .target(
            name: "EdgeConfiguration",
            dependencies: ["SIPMessage", "SIPLocation", "BackendPool", "SIPProxy", "ProxyProtocol", yams],
            swiftSettings: strict
        ),

        // Drivers: sockets, files, clocks and C libraries.
        .target(
            name: "EdgeTLS",
            dependencies: ["COpenSSL", nioCore, nioTLS],
            swiftSettings: strict
        ),
        .target(
            name: "SIPDNS",
            dependencies: ["CLDNS", "SIPLocation", "SIPMessage", nioCore, nioPosix, logging],
            swiftSettings: strict
        ),
        .target(
            name: "EdgeRuntime",
            dependencies: [
                "SIPMessage", "SIPProxy", "BackendPool", "Telemetry", "EdgeTLS", "EdgeConfiguration", "ProxyProtocol",
                nioCore, nioPosix, nioTLS, nioConcurrency, logging, collections,
            ],
            swiftSettings: strict
        ),
        .target(
            name: "EdgeControl",
            dependencies: [
                "EdgeRuntime", "EdgeConfiguration", "EdgeTLS", "SIPDNS", "SIPLocation", "SIPMessage", "SIPProxy",
                "BackendPool", "Telemetry", hummingbird, unixSignals, nioCore, nioPosix, nioHTTP1, nioConcurrency,
                logging,
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "brana",
            dependencies: ["EdgeControl", "EdgeConfiguration", argumentParser],
            swiftSettings: strict
        ),

        // Tests mirror Sources; TestSupport holds what they share.
        .target(
            name: "TestSupport",
            dependencies: ["SIPMessage", nioCore, nioPosix],
            path: "Tests/TestSupport",
            resources: [.copy("Vectors")],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SIPMessageTests",
            dependencies: ["SIPMessage", "TestSupport", nioCore, nioEmbedded, nioTestUtils],
            swiftSettings: strict
        ),
        .testTarget(
            name: "ProxyProtocolTests",
            dependencies: ["ProxyProtocol", "SIPMessage", "TestSupport", nioCore],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SIPLocationTests",
            dependencies: ["SIPLocation", "SIPMessage", "TestSupport", nioCore],
            swiftSettings: strict
        ),
        .testTarget(
            name: "BackendPoolTests",
            dependencies: ["BackendPool", "SIPMessage", "TestSupport", nioCore],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SIPProxyTests",
            dependencies: ["SIPProxy", "SIPMessage", "BackendPool", "TestSupport", nioCore],
            swiftSettings: strict
        ),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "EdgeConfigurationTests",
            dependencies: ["EdgeConfiguration", "SIPLocation", "SIPMessage", "BackendPool", "TestSupport"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "EdgeTLSTests",
            dependencies: ["EdgeTLS", "COpenSSL", "TestSupport", nioCore, nioPosix, nioEmbedded, nioTLS],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SIPDNSTests",
            dependencies: ["SIPDNS", "SIPLocation", "SIPMessage", "EdgeTLS", "TestSupport", nioCore, nioPosix],
            swiftSettings: strict
        ),
        .testTarget(
            name: "EdgeRuntimeTests",
            dependencies: [
                "EdgeRuntime", "EdgeConfiguration", "EdgeTLS", "SIPProxy", "BackendPool", "SIPMessage", "Telemetry",
                "ProxyProtocol", "TestSupport", nioCore, nioPosix, nioEmbedded, logging,
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "EdgeControlTests",
            dependencies: [
                "EdgeControl", "EdgeRuntime", "EdgeConfiguration", "SIPDNS", "SIPLocation", "BackendPool", "SIPProxy",
                "SIPMessage", "Telemetry", "TestSupport", nioCore, nioPosix, logging,
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Simulator",
            dependencies: ["SIPMessage", "BackendPool", "SIPProxy", "EdgeRuntime", "TestSupport", nioCore],
            path: "Tests/Simulator",
            swiftSettings: strict
        ),
        .testTarget(name: "SimulatorTests", dependencies: ["Simulator"], swiftSettings: strict),
        .testTarget(name: "BranaTests", dependencies: ["brana", "EdgeControl"], swiftSettings: strict),
        .testTarget(
            name: "SystemTests",
            dependencies: ["brana", "EdgeControl", "EdgeTLS", "SIPMessage", "TestSupport", nioCore, nioPosix],
            exclude: ["Scenarios"],
            swiftSettings: strict
        ),
    ],
    swiftLanguageModes: [.v6]
)
