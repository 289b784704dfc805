package org.densenet4j.foreign;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

class CFunctionTest {
    @BeforeAll
    static void needsTheCLibrary() {
        assumeTrue(System.getProperty("os.name").equals("Linux"));
        assumeTrue(System.getProperty("os.arch").equals("amd64"), "variadic functions elsewhere");
    }

    @Test
    void integersOfAnyWidthAreTakenAndReturned() {
        assertEquals(7, (int) CFunction.ofSystem("abs").call(-7));
        assertEquals(1L << 40, CFunction.ofSystem("labs").call(-(1L << 40)));
        assertEquals('x', (int) CFunction.ofSystem("tolower").call('X'));
    }

    @Test
    void addressesAreTakenAndReturned() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocateFrom("one of these");
            MemorySegment copy = arena.allocate(text.byteSize());
            assertEquals(12, CFunction.ofSystem("strlen").call(text.address()));
            assertEquals(
                    copy.address(),
                    CFunction.ofSystem("memcpy")
                            .call(copy.address(), text.address(), text.byteSize()));
            assertEquals("one of these", copy.getString(0));
            assertEquals(0, CFunction.ofSystem("strchr").call(copy.address(), 'z'));
        }
    }

    @Test
    void argumentsBeyondRegistersComeInTheirOrder() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment format = arena.allocateFrom("%ld %d %ld %ld %ld %ld %ld %ld %ld");
            MemorySegment text = arena.allocate(200);
            long big = 1L << 50;
            CFunction.ofSystem("snprintf")
                    .call(text.address(), 200, format.address(), 1, -2, 3, big, -5, 6, 7, -big, 9);
            assertEquals("1 -2 3 " + big + " -5 6 7 -" + big + " 9", text.getString(0));
        }
    }

    @Test
    void otherNumbersOfArgumentsAreRefused() {
        CFunction abs = CFunction.ofSystem("abs");
        assertThrows(IllegalArgumentException.class, () -> abs.call(new long[9]));
        assertThrows(IllegalArgumentException.class, () -> abs.call(new long[14]));
    }
}
