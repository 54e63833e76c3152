import Testing

@Suite("Conformance vectors for clients", .timeLimit(.minutes(1)))
struct VectorTests {
    @Test("the client does what the vector says", arguments: ClientVector.all)
    func vector(_ vector: ClientVector) async throws {
        var cut = 1
        var length = 2
        while cut < length {
            let script = try await VectorScript(vector.value, cut: cut)
            try await script.run()
            #expect(script.problems == [], "cut at \(cut)")
            length = script.length
            cut += 1
        }
    }

    @Test("every file of vectors is found")
    func found() {
        #expect(ClientVector.all.count > 40)
        #expect(Set(ClientVector.all.map(\.name)).count == ClientVector.all.count)
    }

    @Test("a wrong answer is noticed")
    func canFail() async throws {
        let vector = try #require(ClientVector.all.first { $0.name == "results/bytes-survive" })
        var members = vector.value.members
        members["steps"] = try VectorJSON(parsing: Array(#"[{"start":"a"},{"close":true},{"finish":"a"}]"#.utf8))
        let script = try await VectorScript(.object(members), cut: 1)
        try await script.run()
        #expect(script.problems.count == 1)
    }
}
