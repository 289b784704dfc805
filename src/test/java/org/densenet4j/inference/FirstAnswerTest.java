package org.densenet4j.inference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.ChildJvm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** What a fresh process does, and what it leaves, before it answers for the first time. */
class FirstAnswerTest {
    private static final String PAIRS = "org.densenet4j.backend.cpu.PairProducts ";
    private static final String TILES = "org.densenet4j.backend.cpu.asm.TileCheck ";

    @TempDir Path folder;

    @Test
    void onlyBFloat16MeasuresPairsAndTriesTiles() throws IOException {
        try (Device device =
                Device.open("cpu", DeviceOptions.defaults().withPrecision(DataType.BFLOAT16))) {
            assumeTrue(device.description().contains("tiles"), "no tiles (AMX) here");
        }
        String floats = classes(DataType.FLOAT32);
        assertEquals(List.of(false, false), contained(floats, PAIRS, TILES));
        assertEquals(List.of(true, true), contained(classes(DataType.BFLOAT16), PAIRS, TILES));
    }

    private static List<Boolean> contained(String text, String... parts) {
        return Arrays.stream(parts).map(text::contains).toList();
    }

    /** Names of the classes that a process has loaded that answered once. */
    private String classes(DataType precision) throws IOException {
        ChildJvm.Settings plain = ChildJvm.Settings.of(Map.of());
        ChildJvm child =
                ChildJvm.run(
                        folder,
                        new ChildJvm.Settings(
                                plain.environment(),
                                plain.properties(),
                                null,
                                plain.heapMegabytes(),
                                plain.patienceSeconds(),
                                List.of(
                                        "--enable-native-access=ALL-UNNAMED",
                                        "-Xlog:class+load:stdout:none")),
                        FirstAnswer.class.getName(),
                        precision.name());
        assertEquals(0, child.exitCode(), child.err());
        return child.out();
    }
}
