package org.densenet4j.backend.cpu.asm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.HexFormat;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Every {@link InstructionForm}, written by our assembler with all registers, masks, bases and
 * kinds of displacement, and read back by LLVM's disassembler.
 */
class EncodingTest {
    static Stream<InstructionForm> forms() {
        return InstructionForm.ALL.stream().filter(form -> form.write() != null);
    }

    @ParameterizedTest
    @MethodSource("forms")
    void whatIsWrittenIsReadBack(InstructionForm form) {
        for (Operands operands : Operands.sweep(form.registers())) {
            byte[] code = form.bytes(operands);
            List<Disassembler.Instruction> read = Disassembler.instructions(code);
            String text =
                    read.stream().map(InstructionForm::text).collect(Collectors.joining("; "));
            assertEquals(
                    operands.fill(form.text()),
                    text,
                    () -> HexFormat.ofDelimiter(" ").formatHex(code));
        }
    }

    @ParameterizedTest
    @MethodSource("forms")
    void aFormBelongsToItsSetAndToNoLesserOne(InstructionForm form) {
        Operands operands = Operands.sweep(form.registers()).getFirst();
        List<Disassembler.Instruction> read = Disassembler.instructions(form.bytes(operands));
        for (InstructionSet set : InstructionSet.values()) {
            assertEquals(
                    set.includes(form.set()),
                    read.stream().allMatch(i -> InstructionForm.belongs(i, set)),
                    set.toString());
        }
    }

    static Stream<InstructionForm> addresses() {
        return forms().filter(form -> form.text().contains("[{at}]"))
                .filter(form -> !form.text().contains(";"));
    }

    /** A byte of displacement counts in the operand's size under the EVEX prefix, else in bytes. */
    @ParameterizedTest
    @MethodSource("addresses")
    void displacementsThatFitIntoAByteTakeOne(InstructionForm form) {
        for (Operands operands : Operands.sweep(form.registers())) {
            byte[] code = form.bytes(operands);
            int unit = Disassembler.at(code, 0).evex() ? size(form.text()) : 1;
            int displacement = operands.at().displacement();
            int units = displacement / unit;
            if (units * unit == displacement && units >= -128 && units < 128) {
                assertEquals(
                        form.bytes(operands.with(unit)).length,
                        code.length,
                        operands.fill(form.text()));
            }
        }
    }

    /** Bytes of the operand in memory. */
    private static int size(String text) {
        Matcher operand = Pattern.compile("(\\w+) ptr").matcher(text);
        assertTrue(operand.find(), text);
        return switch (operand.group(1)) {
            case "byte" -> 1;
            case "word" -> 2;
            case "dword" -> 4;
            case "qword" -> 8;
            case "xmmword" -> 16;
            case "ymmword" -> 32;
            case "zmmword" -> 64;
            default -> throw new AssertionError(text);
        };
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 16, 32})
    void aSweepHasEveryRegisterInEveryPlace(int registers) {
        List<Operands> sweep = Operands.sweep(registers);
        assertEquals(registers, sweep.stream().map(Operands::x).distinct().count());
        assertEquals(registers, sweep.stream().map(Operands::y).distinct().count());
        assertEquals(registers, sweep.stream().map(Operands::w).distinct().count());
        long general = Register.values().length;
        assertEquals(general * (general - 1), pairs(sweep, Operands::r, Operands::s));
        assertEquals(registers * 8L, pairs(sweep, Operands::x, Operands::mask));
        for (Operands o : sweep) {
            assertEquals(3, Stream.of(o.x(), o.y(), o.w()).distinct().count(), o.toString());
        }
    }

    private static long pairs(
            List<Operands> sweep, Function<Operands, ?> first, Function<Operands, ?> second) {
        return sweep.stream().map(o -> List.of(first.apply(o), second.apply(o))).distinct().count();
    }
}
