package org.densenet4j.bench;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;

/**
 * Helps libtorch on virtual machines that hide the processor's caches.
 *
 * <p>oneDNN asks CPUID for the sizes of caches. Where a hypervisor answers with zeros, the oneDNN
 * in libtorch 2.10 divides by them: convolutions stop the process or compute NaN. It has sizes for
 * processors that it does not know, 32 KB, 512 KB and 1 MB, but takes zeros for an answer. Here its
 * {@code get_per_core_cache_size} is replaced, in the memory of this process, by one that returns
 * those.
 */
final class HiddenCaches {
    private static final String LIBRARY = "libtorch_cpu.so";
    private static final String FUNCTION = "_ZN4dnnl4impl3cpu8platform23get_per_core_cache_sizeEi";

    /** cmp edi, 1; je A; cmp edi, 2; je B; cmp edi, 3; je C; 0 or A: 32 KB, B: 512 KB, C: 1 MB. */
    private static final String REPLACEMENT =
            "83ff01740d83ff02740e83ff03740f31c0c3b800800000c3b800000800c3b800001000c3";

    private static final int READ_EXECUTE = 5;
    private static final int READ_WRITE_EXECUTE = 7;
    private static final long PAGE = 4096;

    private static final int SECTION_HEADERS = 0x28;
    private static final int SECTION_BYTES = 0x3A;
    private static final int SYMBOL_TABLE = 2;
    private static final int SYMBOL_BYTES = 24;

    private HiddenCaches() {}

    /** Whether the system knows no cache of the processor. */
    static boolean hidden() {
        Path processor = Path.of("/sys/devices/system/cpu/cpu0");
        return Files.isDirectory(processor) && !Files.exists(processor.resolve("cache/index0"));
    }

    /** Does it where caches are hidden, once libtorch is loaded. */
    static void replaceWhereHidden() throws IOException {
        if (!hidden() || !System.getProperty("os.arch").equals("amd64")) {
            return;
        }
        for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
            if (line.endsWith("/" + LIBRARY)) {
                long base = Long.parseLong(line.substring(0, line.indexOf('-')), 16);
                replace(base + symbol(Path.of(line.substring(line.indexOf('/')))));
                return;
            }
        }
        throw new IOException(LIBRARY + " is not loaded");
    }

    private static void replace(long at) {
        byte[] code = HexFormat.of().parseHex(REPLACEMENT);
        long first = at / PAGE * PAGE;
        long bytes = at + code.length - first;
        Linker linker = Linker.nativeLinker();
        MethodHandle protect =
                linker.downcallHandle(
                        linker.defaultLookup().findOrThrow("mprotect"),
                        FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));
        try {
            MemorySegment page = MemorySegment.ofAddress(first);
            if ((int) protect.invokeExact(page, bytes, READ_WRITE_EXECUTE) != 0) {
                throw new IllegalStateException("code of libtorch cannot be written");
            }
            MemorySegment.copy(
                    code,
                    0,
                    MemorySegment.ofAddress(at).reinterpret(code.length),
                    JAVA_BYTE,
                    0,
                    code.length);
            int ignored = (int) protect.invokeExact(page, bytes, READ_EXECUTE);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** Where the function is, from the library's beginning: its value in the ELF symbol table. */
    private static long symbol(Path library) throws IOException {
        byte[] name = (FUNCTION + "\0").getBytes(StandardCharsets.US_ASCII);
        try (FileChannel file = FileChannel.open(library);
                Arena arena = Arena.ofConfined()) {
            MemorySegment elf = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size(), arena);
            long headers = elf.get(JAVA_LONG_UNALIGNED, SECTION_HEADERS);
            int each = elf.get(JAVA_SHORT_UNALIGNED, SECTION_BYTES);
            int count = elf.get(JAVA_SHORT_UNALIGNED, SECTION_BYTES + 2);
            for (int s = 0; s < count; s++) {
                long header = headers + (long) s * each;
                if (elf.get(JAVA_INT_UNALIGNED, header + 4) != SYMBOL_TABLE) {
                    continue;
                }
                long symbols = elf.get(JAVA_LONG_UNALIGNED, header + 24);
                long end = symbols + elf.get(JAVA_LONG_UNALIGNED, header + 32);
                int strings = elf.get(JAVA_INT_UNALIGNED, header + 40);
                long names = elf.get(JAVA_LONG_UNALIGNED, headers + (long) strings * each + 24);
                for (long at = symbols; at < end; at += SYMBOL_BYTES) {
                    long text = names + elf.get(JAVA_INT_UNALIGNED, at);
                    if (startsWith(elf, text, name)) {
                        return elf.get(JAVA_LONG_UNALIGNED, at + 8);
                    }
                }
            }
        }
        throw new IOException(library + " has no " + FUNCTION);
    }

    private static boolean startsWith(MemorySegment elf, long at, byte[] text) {
        if (at + text.length > elf.byteSize()) {
            return false;
        }
        // From the end: names of one namespace begin alike.
        for (int i = text.length - 1; i >= 0; i--) {
            if (elf.get(JAVA_BYTE, at + i) != text[i]) {
                return false;
            }
        }
        return true;
    }
}
