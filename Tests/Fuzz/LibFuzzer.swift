#if LIBFUZZER
    import Glibc

    // Coverage-guided runs: libFuzzer makes the inputs, the targets judge them as ever. See README.md.

    /// The target that `SLUICE_FUZZ_TARGET` names.
    private let chosen: (any FuzzTarget)? = getenv("SLUICE_FUZZ_TARGET").flatMap {
        FuzzTargets.named(String(cString: $0))
    }

    /// libFuzzer's entry, called once per input.
    @_cdecl("LLVMFuzzerTestOneInput")
    func testOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
        guard let chosen else {
            print("set SLUICE_FUZZ_TARGET to one of \(FuzzTargets.all.map(\.name).joined(separator: ", "))")
            exit(2)
        }
        let input = Array(UnsafeBufferPointer(start: data, count: size))
        // Cuts and bounds must follow from the input, or a finding could not be repeated: FNV-1a.
        let seed = input.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        var random = Random(seed: seed)
        do {
            _ = try chosen.run(input, &random)
        } catch {
            print("broken promise: \(error.promise)")
            abort()
        }
        return 0
    }
#endif
