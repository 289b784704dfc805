package org.densenet4j.backend.cpu.asm;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * LLVM's disassembler for x86-64 in Intel's syntax: what our bytes mean, told by somebody who did
 * not write them. Skips the test where there is no LLVM.
 *
 * <p>Calls the C API of the library, which alone is unpacked from the jar {@code
 * org.bytedeco:llvm}.
 */
public final class Disassembler {
    private static final String LIBRARY = "org/bytedeco/llvm/linux-x86_64/libLLVM.so";

    private static final int LONGEST_INSTRUCTION = 15;
    private static final int LONGEST_TEXT = 256;

    private Disassembler() {}

    /**
     * An instruction.
     *
     * @param offset where it begins
     * @param text with one blank behind the mnemonic; jumps and RIP count from the instruction's
     *     end
     */
    public record Instruction(int offset, List<Byte> bytes, String text) {
        /** Where the next one begins. */
        public int end() {
            return offset + bytes.size();
        }

        /** Whether the prefix is EVEX, which the text does not always tell: AVX-512's encoding. */
        public boolean evex() {
            return bytes.get(0) == 0x62;
        }
    }

    /**
     * The texts of all instructions.
     *
     * @throws AssertionError as {@link #instructions}
     */
    public static List<String> of(byte[] code) {
        return instructions(code).stream().map(Instruction::text).toList();
    }

    /**
     * All instructions.
     *
     * @throws AssertionError with offset and bytes when there is something else than instructions
     */
    public static List<Instruction> instructions(byte[] code) {
        List<Instruction> instructions = new ArrayList<>();
        int at = 0;
        while (at < code.length) {
            Instruction next = at(code, at);
            instructions.add(next);
            at = next.end();
        }
        return instructions;
    }

    /**
     * The instruction at an offset.
     *
     * @throws AssertionError with offset and bytes when there is none
     */
    public static Instruction at(byte[] code, int offset) {
        assumeTrue(
                ClassLoader.getSystemResource(LIBRARY) != null,
                "needs LLVM, a test dependency on linux-x86_64 only: no " + LIBRARY);
        int most = Math.min(code.length, offset + LONGEST_INSTRUCTION);
        byte[] rest = Arrays.copyOfRange(code, offset, most);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(LONGEST_TEXT);
            long length = Llvm.decode(arena.allocateFrom(JAVA_BYTE, rest), text.fill((byte) 0));
            if (length == 0) {
                throw new AssertionError(
                        "no instruction at offset "
                                + offset
                                + ": "
                                + HexFormat.ofDelimiter(" ").formatHex(rest));
            }
            List<Byte> bytes = new ArrayList<>();
            for (int i = 0; i < length; i++) {
                bytes.add(rest[i]);
            }
            return new Instruction(
                    offset, List.copyOf(bytes), text.getString(0).strip().replace('\t', ' '));
        }
    }

    /** Four functions of {@code llvm-c/Disassembler.h} and {@code llvm-c/Target.h}. */
    private static final class Llvm {
        /** {@code LLVMDisassembler_Option_AsmPrinterVariant}. */
        private static final long INTEL_SYNTAX = 4;

        private static final MethodHandle DECODE;
        private static final MemorySegment CONTEXT;

        static {
            SymbolLookup library = library();
            MethodHandle create =
                    function(
                            library,
                            "LLVMCreateDisasm",
                            FunctionDescriptor.of(
                                    ADDRESS, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS));
            MethodHandle setOptions =
                    function(
                            library,
                            "LLVMSetDisasmOptions",
                            FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
            DECODE =
                    function(
                            library,
                            "LLVMDisasmInstruction",
                            FunctionDescriptor.of(
                                    JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS,
                                    JAVA_LONG));
            try {
                for (String part : List.of("TargetInfo", "TargetMC", "Disassembler")) {
                    String name = "LLVMInitializeX86" + part;
                    function(library, name, FunctionDescriptor.ofVoid()).invokeExact();
                }
                MemorySegment none = MemorySegment.NULL;
                MemorySegment triple = Arena.global().allocateFrom("x86_64-unknown-linux-gnu");
                CONTEXT = (MemorySegment) create.invokeExact(triple, none, 0, none, none);
                if ((int) setOptions.invokeExact(CONTEXT, INTEL_SYNTAX) != 1) {
                    throw new AssertionError("this LLVM does not know Intel's syntax");
                }
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new AssertionError(e);
            }
        }

        private Llvm() {}

        /** Bytes of the first instruction, of which {@code text} becomes the text; 0 for none. */
        static synchronized long decode(MemorySegment code, MemorySegment text) {
            try {
                return (long)
                        DECODE.invokeExact(
                                CONTEXT, code, code.byteSize(), 0L, text, text.byteSize());
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new AssertionError(e);
            }
        }

        private static MethodHandle function(
                SymbolLookup library, String name, FunctionDescriptor type) {
            return Linker.nativeLinker().downcallHandle(library.findOrThrow(name), type);
        }

        private static SymbolLookup library() {
            try (InputStream bytes = ClassLoader.getSystemResourceAsStream(LIBRARY)) {
                Path file = Files.createTempFile("libLLVM", ".so");
                try {
                    Files.copy(bytes, file, StandardCopyOption.REPLACE_EXISTING);
                    return SymbolLookup.libraryLookup(file, Arena.global());
                } finally {
                    Files.delete(file); // What is loaded stays.
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
