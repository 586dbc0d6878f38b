// SPDX-License-Identifier: Apache-2.0

internal import Telemetry
internal import TestSupport
internal import Testing

@Suite("Prometheus text exposition 0.0.4")
struct PrometheusTextTests {
    typealias Series = ExpositionParser.Series

    @Test("Counters come out line by line with HELP and TYPE in front")
    func exact() {
        var text = PrometheusText()
        var table = CounterTable<ResultLabel>()
        table.increment(.failure)
        text.write(MetricCatalog.edgeReloads, table.samples())
        text.write(MetricCatalog.edgeWorkers, value: 2)
        #expect(
            text.text == """
                # HELP brana_edge_reloads_total Reloads of the configuration.
                # TYPE brana_edge_reloads_total counter
                brana_edge_reloads_total{result="success"} 0
                brana_edge_reloads_total{result="failure"} 1
                # HELP brana_edge_workers Workers, one an event loop.
                # TYPE brana_edge_workers gauge
                brana_edge_workers 2

                """
        )
    }

    @Test("Quotes, backslashes, line feeds and other scripts in label values survive a strict reader")
    func escaping() throws {
        let hostile = "a\"b\\c\nd}, x=\"1\" čára\\n"
        var text = PrometheusText()
        text.write(MetricCatalog.backendUp, [MetricSample(["voice", hostile], .integer(1))])
        let read = try ExpositionParser(text.text)
        let series = Series(name: "brana_backend_up", labels: ["pool": "voice", "backend": hostile])
        #expect(read.values == [series: 1])
    }

    @Test("A histogram has cumulative buckets, +Inf equal to _count, and seconds")
    func histogram() throws {
        var buckets = BucketHistogram()
        for milliseconds in [1, 2, 3, 40_000] as [Int64] { buckets.record(nanoseconds: milliseconds * 1_000_000) }
        var text = PrometheusText()
        text.write(MetricCatalog.backendDuration, [MetricSample(["p", "b"], .histogram(buckets.snapshot))])
        let read = try ExpositionParser(text.text)
        let name = "brana_backend_response_duration_seconds"
        func bucket(_ bound: String) -> Double? {
            read.values[Series(name: name + "_bucket", labels: ["pool": "p", "backend": "b", "le": bound])]
        }
        #expect(bucket("0.001") == 1)
        #expect(bucket("0.0025") == 2)
        #expect(bucket("32") == 3)
        #expect(bucket("+Inf") == 4)
        #expect(read.values[Series(name: name + "_count", labels: ["pool": "p", "backend": "b"])] == 4)
        #expect(read.values[Series(name: name + "_sum", labels: ["pool": "p", "backend": "b"])] == 40.006)
        #expect(read.types[name] == "histogram")
    }

    @Test("The whole catalogue, with a sample each, is one valid exposition")
    func whole() throws {
        var text = PrometheusText()
        for metric in MetricCatalog.all {
            let labels = metric.labels.map { _ in "x" }
            let isHistogram = metric.kind == .histogram
            let value: MetricSample.Value = isHistogram ? .histogram(BucketHistogram().snapshot) : .decimal(0.25)
            text.write(metric, [MetricSample(labels, value)])
        }
        let read = try ExpositionParser(text.text)
        #expect(read.types == Dictionary(uniqueKeysWithValues: MetricCatalog.all.map { ($0.name, $0.kind.rawValue) }))
        #expect(read.helps == Dictionary(uniqueKeysWithValues: MetricCatalog.all.map { ($0.name, $0.help) }))
    }

    @Test("Numbers that are none are written as Prometheus spells them; a label that is missing is empty")
    func oddNumbers() throws {
        var text = PrometheusText()
        text.write(
            MetricCatalog.tlsCertificateDays,
            [
                MetricSample(["a"], .decimal(.infinity)), MetricSample(["b"], .decimal(-.infinity)),
                MetricSample(["c"], .decimal(.nan)), MetricSample(["d"], .decimal(-3)),
                MetricSample(["e"], .decimal(1e300)), MetricSample([], .decimal(12.5)),
            ]
        )
        let lines = text.text.split(separator: "\n").dropFirst(2).map { $0.split(separator: " ").last.map(String.init) }
        #expect(lines == ["+Inf", "-Inf", "NaN", "-3", "1e+300", "12.5"])
        let read = try ExpositionParser(text.text)
        #expect(read.values[Series(name: "brana_tls_certificate_remaining_days", labels: ["profile": ""])] == 12.5)
    }

    @Test(
        "The reader that the tests trust refuses what the format forbids",
        arguments: [
            "# HELP a b\n# TYPE a gauge\na 1", "# HELP a b\n# TYPE a gauge\na 1\na 2\n",
            "# HELP a b\n# TYPE a gauge\nb 1\n", "# HELP a b\n# TYPE a gauge\na{x=\"\\q\"} 1\n",
            "# HELP a b\n# TYPE a gauge\na{x=\"1\",x=\"2\"} 1\n", "# HELP a b\n# TYPE a gauge\na one\n",
        ]
    )
    func strictReader(text: String) {
        #expect(throws: ExpositionParser.Failure.self) { try ExpositionParser(text) }
    }
}
