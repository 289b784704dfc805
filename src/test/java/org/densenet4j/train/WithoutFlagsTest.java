package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.cuda.ChildJvm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What a program gets that has the library on its class path and starts its JVM without flags. */
class WithoutFlagsTest {
    private static final String NOTICE = "loops run without vectors";

    @TempDir Path folder;

    @Test
    void everyKindOfNetworkTrainsAsItDoesWithFlagsAndOneLineTellsWhatIsMissing()
            throws IOException {
        List<String> kinds = new ArrayList<>(List.of("bottleneck", "plain", "naive", "dropout"));
        if (supportsBFloat16()) {
            kinds.add("bfloat16");
        }
        ChildJvm child = train(kinds);
        List<String> lines = child.out().lines().toList();
        int line = 0;
        for (String kind : kinds) {
            double tolerance = kind.equals("bfloat16") ? 3e-2 : 1e-4;
            for (double expected : TrainingWithoutFlags.losses(kind)) {
                String[] found = lines.get(line++).split(" ");
                assertEquals(kind, found[0]);
                assertEquals(expected, Double.parseDouble(found[1]), tolerance, kind);
            }
        }
        assertEquals(lines.size(), line);
        assertEquals(1, child.err().split(NOTICE, -1).length - 1, child.err());
        assertTrue(child.err().contains("--add-modules jdk.incubator.vector"), child.err());
    }

    @Test
    void nothingIsToldWhereMachineCodeDoesTheWork() throws IOException {
        try (Device device = Device.open("cpu", DeviceOptions.defaults())) {
            assumeTrue(device.description().contains("machine code"));
        }
        assertFalse(train(List.of("bottleneck")).err().contains(NOTICE));
    }

    private ChildJvm train(List<String> kinds) throws IOException {
        ChildJvm child =
                ChildJvm.run(
                        folder,
                        ChildJvm.Settings.of(Map.of()).withoutFlags(),
                        TrainingWithoutFlags.class.getName(),
                        kinds.toArray(String[]::new));
        assertEquals(0, child.exitCode(), child.err());
        return child;
    }

    private static boolean supportsBFloat16() {
        try (Device device = Device.open("cpu", DeviceOptions.defaults())) {
            return device.supports(DataType.BFLOAT16);
        }
    }
}
