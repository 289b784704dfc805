package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What {@code nvcc} makes of the fused kernels of dense layers, where it is installed: how many
 * products on tensor cores, loads of their operands and copies past the registers each has, which
 * only changes on purpose; and that no kernel spills registers.
 */
class CompiledLayersTest {
    private static final Path TABLE =
            Path.of("src/test/resources/org/densenet4j/backend/cuda/layer-instructions.txt");

    /** Writes the table anew instead of comparing with it. */
    private static final boolean UPDATE = Boolean.getBoolean("update.instructions");

    private static final Map<String, String> COUNTED = new LinkedHashMap<>();

    static {
        COUNTED.put("mma", "mma.sync");
        COUNTED.put("ldmatrix", "ldmatrix");
        COUNTED.put("cp.async", "cp.async.c");
        COUNTED.put("barriers", "bar.sync");
    }

    @TempDir private Path folder;

    private static String file(LayerProgram program) {
        return "dense_layer_" + program.suffix() + "_80.ptx";
    }

    private static String ptx(LayerProgram program) throws IOException {
        try (InputStream in =
                CompiledLayersTest.class.getResourceAsStream("/cuda-kernels/" + file(program))) {
            if (in == null) {
                return abort("nvcc has not compiled the kernels here");
            }
            return new String(in.readAllBytes(), StandardCharsets.US_ASCII);
        }
    }

    private static String release(String ptx) {
        Matcher m = Pattern.compile("release [\\d.]+, V[\\d.]+").matcher(ptx);
        assertTrue(m.find(), "PTX names its compiler");
        return m.group();
    }

    /** Lines such as {@code pointwise_forward_kept_bf16_48: 12 mma, 9 ldmatrix, ...}. */
    private static List<String> counts(String ptx) {
        List<String> lines = new ArrayList<>();
        for (String kernel : ptx.split("\\.visible \\.entry ")) {
            String name = kernel.substring(0, Math.max(0, kernel.indexOf('(')));
            if (name.matches("\\w+")) {
                lines.add(
                        name
                                + COUNTED.entrySet().stream()
                                        .map(e -> count(kernel, e.getValue()) + " " + e.getKey())
                                        .collect(Collectors.joining(", ", ": ", "")));
            }
        }
        return lines;
    }

    private static long count(String kernel, String instruction) {
        return kernel.lines().filter(line -> line.contains(instruction)).count();
    }

    @Test
    void kernelsHaveTheInstructionsThatTheyHad() throws IOException {
        List<String> found = new ArrayList<>();
        for (LayerProgram program : LayerProgram.all()) {
            String ptx = ptx(program);
            if (found.isEmpty()) {
                found.add(release(ptx));
            }
            found.addAll(counts(ptx));
        }
        if (UPDATE) {
            Files.write(TABLE, found);
        }
        List<String> before = Files.readAllLines(TABLE);
        assumeTrue(
                before.getFirst().equals(found.getFirst()),
                () -> "counted with " + before.getFirst() + ", this is " + found.getFirst());
        assertEquals(String.join("\n", before), String.join("\n", found));
    }

    @ParameterizedTest
    @ValueSource(strings = {"sm_80", "sm_90"})
    void noKernelSpillsRegisters(String architecture) throws Exception {
        for (LayerProgram program : LayerProgram.all()) {
            Path source = Files.writeString(folder.resolve(file(program)), ptx(program));
            String said = assembled(source, architecture);
            Matcher spills = Pattern.compile("(\\d+) bytes spill (stores|loads)").matcher(said);
            int kernels = 0;
            while (spills.find()) {
                kernels++;
                assertEquals("0", spills.group(1), program + "\n" + said);
            }
            assertTrue(kernels >= 8, program + "\n" + said);
        }
    }

    private String assembled(Path source, String architecture) throws Exception {
        Process ptxas;
        try {
            ptxas =
                    new ProcessBuilder(
                                    "ptxas",
                                    "-v",
                                    "-arch=" + architecture,
                                    source.toString(),
                                    "-o",
                                    folder.resolve("out.cubin").toString())
                            .redirectErrorStream(true)
                            .start();
        } catch (IOException e) {
            return abort("no ptxas here");
        }
        String said = new String(ptxas.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, ptxas.waitFor(), said);
        return said;
    }
}
