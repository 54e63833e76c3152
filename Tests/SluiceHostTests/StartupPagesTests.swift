import Testing

@testable import SluiceHost

@Suite("Pages that only starting needed")
struct StartupPagesTests {
    @Test("Only private code of files is named")
    func ranges() {
        let maps = """
            55d0c0000000-55d0c0001000 r--p 00000000 fe:00 12 /usr/bin/sluice
            55d0c0001000-55d0c0003000 r-xp 00001000 fe:00 12 /usr/bin/sluice
            55d0c0003000-55d0c0004000 rw-p 00003000 fe:00 12 /usr/bin/sluice
            7f0000000000-7f0000001000 r-xp 00000000 00:00 0
            7f0000001000-7f0000002000 r-xs 00000000 fe:00 13 /usr/lib/shared.so
            7f0000002000-7f0000004000 r-xp 00000000 fe:00 14 /usr/lib/with blank.so
            7ffd00000000-7ffd00002000 r-xp 00000000 00:00 0 [vdso]
            nonsense r-xp 0 0 0 /x
            """
        #expect(
            StartupPages.codeRanges(maps) == [0x55d0_c000_1000..<0x55d0_c000_3000, 0x7f00_0000_2000..<0x7f00_0000_4000])
    }

    @Test("The program runs on after its code was given back")
    func runsOn() {
        for _ in 0..<3 {
            StartupPages.release()
            #expect([3, 1, 2].sorted() == [1, 2, 3])
        }
    }
}
