// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that a build of Brana never builds it. `Sources/SIPMessage` is a link to the real sources:
// their interface is `package`, which another package could not reach. `run.sh` builds it and adds the fuzzer's run time.
let package = Package(
    name: "Fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [.package(url: "https://github.com/apple/swift-nio", from: "2.101.0")],
    targets: [
        .target(
            name: "SIPMessage",
            dependencies: [nioCore],
            swiftSettings: strict + [
                // Counts the edges that an input takes, in the code under test alone: nothing else leads the fuzzer.
                .unsafeFlags(["-sanitize=fuzzer"])
            ]
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
