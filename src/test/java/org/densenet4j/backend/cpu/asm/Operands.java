package org.densenet4j.backend.cpu.asm;

import static org.densenet4j.backend.cpu.asm.Vector.v;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Operands of an instruction, and how Intel's syntax writes them. Written without a look at the
 * encoder: a text with these names in braces becomes the one that a disassembler prints.
 *
 * <ul>
 *   <li>{@code {x}}, {@code {y}}, {@code {w}}: numbers of three vector registers or tiles, no two
 *       the same
 *   <li>{@code {r}}, {@code {s}}: two general-purpose registers
 *   <li>{@code {at}}: base and displacement; {@code {at+8}}: eight bytes further; {@code {base}}
 *       and {@code {displacement}} for an index between them
 *   <li>{@code {k}}: a mask register in braces, or nothing for all elements; {@code {kz}}: one that
 *       makes the other elements zero; {@code {m}}: the number of one
 *   <li>{@code {bits}}: a shift; {@code {value}}: a constant that is not zero
 * </ul>
 */
record Operands(
        Vector x,
        Vector y,
        Vector w,
        Register r,
        Register s,
        Address at,
        int mask,
        int bits,
        int value) {
    private static final Pattern NAME = Pattern.compile("\\{(\\w+)(?:\\+(\\d+))?\\}");

    private static final int[] VALUES = {
        1, -1, 127, -128, 128, -129, 74565, Integer.MAX_VALUE, Integer.MIN_VALUE
    };

    private static final int MASKS = 8;

    private static final List<Integer> DISPLACEMENTS = displacements();

    /** On both sides of the limits of a displacement of one byte, whatever it counts in. */
    private static List<Integer> displacements() {
        List<Integer> all =
                new ArrayList<>(
                        List.of(
                                0,
                                1,
                                -1,
                                33,
                                -68,
                                1 << 20,
                                -(1 << 30),
                                Integer.MAX_VALUE - 64,
                                Integer.MIN_VALUE));
        for (int unit : new int[] {1, 4, 8, 16, 32, 64}) {
            for (int d : new int[] {-1, 127, 128, -128, -129}) {
                all.add(d * unit);
            }
        }
        return all.stream().distinct().toList();
    }

    /**
     * All pairs of a base and a displacement, beside operands such that every register and mask has
     * been in every place many times.
     *
     * @param registers how many vector registers or tiles there are
     */
    static List<Operands> sweep(int registers) {
        Register[] general = Register.values();
        List<Operands> all = new ArrayList<>();
        for (int displacement : DISPLACEMENTS) {
            for (Register base : general) {
                int i = all.size();
                int round = i / registers;
                int y = 1 + round % (registers - 1);
                int w = 1 + (y + round % (registers - 2)) % (registers - 1);
                int s = 1 + i / general.length % (general.length - 1);
                all.add(
                        new Operands(
                                v(i % registers),
                                v((i + y) % registers),
                                v((i + w) % registers),
                                base,
                                general[(i + s) % general.length],
                                base.at(displacement),
                                (i + round) % MASKS,
                                1 + i % 31,
                                VALUES[i % VALUES.length]));
            }
        }
        return all;
    }

    Operands with(int displacement) {
        return new Operands(x, y, w, r, s, r.at(displacement), mask, bits, value);
    }

    /** The tail that the mask stands for. */
    Tail tail() {
        return mask == 0 ? Tail.WHOLE : new Tail(3, mask);
    }

    /** A mask register that is one. */
    int m() {
        return Math.max(1, mask);
    }

    private static String name(Register r) {
        return r.name().toLowerCase(Locale.ROOT);
    }

    private static String displacement(long d) {
        return d == 0 ? "" : (d < 0 ? " - " : " + ") + Math.abs(d);
    }

    /** The text that a form becomes with these operands. */
    String fill(String form) {
        return NAME.matcher(form).replaceAll(name -> Matcher.quoteReplacement(fill(name)));
    }

    private String fill(MatchResult name) {
        String k = mask == 0 ? "" : " {k" + mask + "}";
        return switch (name.group(1)) {
            case "x" -> "" + x.number();
            case "y" -> "" + y.number();
            case "w" -> "" + w.number();
            case "r" -> name(r);
            case "s" -> name(s);
            case "base" -> name(at.base());
            case "displacement" -> displacement(at.displacement());
            case "at" -> {
                long bytes = name.group(2) == null ? 0 : Integer.parseInt(name.group(2));
                yield name(at.base()) + displacement(at.displacement() + bytes);
            }
            case "k" -> k;
            case "kz" -> k.isEmpty() ? "" : k + " {z}";
            case "m" -> "" + m();
            case "bits" -> "" + bits;
            case "value" -> "" + value;
            default -> name.group(); // Braces that are Intel's, as in {1to16}.
        };
    }

    /** All texts that a form may become, with any operands. */
    static Pattern pattern(String form) {
        StringBuilder pattern = new StringBuilder();
        Matcher names = NAME.matcher(form);
        int from = 0;
        while (names.find()) {
            String operand =
                    switch (names.group(1)) {
                        case "x", "y", "w", "bits" -> "\\d+";
                        case "r", "s", "base" -> "r\\w+";
                        case "m" -> "[1-7]";
                        case "displacement" -> "( [+-] \\d+)?";
                        case "at" -> "r\\w+( [+-] \\d+)?";
                        case "k" -> "( \\{k[1-7]\\})?";
                        case "kz" -> "( \\{k[1-7]\\} \\{z\\})?";
                        case "value" -> "-?\\d+";
                        default -> null;
                    };
            if (operand != null) {
                pattern.append(Pattern.quote(form.substring(from, names.start())));
                pattern.append(operand);
                from = names.end();
            }
        }
        return Pattern.compile(pattern.append(Pattern.quote(form.substring(from))).toString());
    }
}
