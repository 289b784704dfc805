package org.densenet4j.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.standin.StandIn;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * What a pass of inference asks of a GPU, on the stand-in driver: launches, bytes and FLOPs, which
 * stay as they are unless somebody changes them on purpose.
 */
class PassTrafficTest {
    @TempDir private Path folder;

    @ParameterizedTest
    @CsvSource({"bc-100-12, 1", "bc-100-12, 64", "densenet121, 1", "densenet121, 64"})
    void aPassAsksOfAnH100WhatItDidBefore(String model, String batch) throws IOException {
        ChildJvm child =
                ChildJvm.run(
                        folder,
                        StandIn.environment(Map.of("STANDIN_DRY", "1")),
                        TracedPass.class.getName(),
                        model,
                        batch,
                        "bf16",
                        "fused");
        assertEquals(0, child.exitCode(), child.err());
        assertTrue(!child.err().contains("VIOLATION"), child.err());
        List<String> now = child.out().lines().toList();
        TrafficTable table = TrafficTable.of(model + "-inference-batch-" + batch + "-bf16");
        if (TrafficTable.UPDATE) {
            table.write(now);
        } else {
            table.assertSame(
                    "A pass of inference of " + model + ", batch " + batch + ", in bf16",
                    now,
                    PassTrafficTest.class);
        }
    }
}
