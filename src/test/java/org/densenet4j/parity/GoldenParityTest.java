package org.densenet4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.io.ParityCase;
import org.densenet4j.plan.MemoryStrategy;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** The numbers that libtorch computed in double precision, under every strategy. */
class GoldenParityTest {
    private static final Path GOLDEN =
            Path.of("src/test/resources/golden/bc-k12-3x3x3.safetensors");

    private static DeviceOptions direct(boolean vectorApi) {
        return new DeviceOptions(2, false, vectorApi).withWinograd(false);
    }

    @Test
    void whatWinogradMovesIsExplainedByKinks() throws IOException {
        try (ParityCase parity = ParityCase.open(GOLDEN);
                Device device = Device.open("cpu", direct(true).withWinograd(true))) {
            for (ParityCheck.Group group : ParityCheck.run(parity, device, MemoryStrategy.SHARED)) {
                assertTrue(group.passed(), group.toString());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "NAIVE, true",
        "SHARED, true",
        "RECOMPUTE, true",
        "NAIVE, false",
        "SHARED, false",
        "RECOMPUTE, false"
    })
    void everyRecordedNumberAgrees(MemoryStrategy strategy, boolean vectorApi) throws IOException {
        try (ParityCase parity = ParityCase.open(GOLDEN);
                Device device = Device.open("cpu", direct(vectorApi))) {
            List<ParityCheck.Group> groups = ParityCheck.run(parity, device, strategy);
            Set<String> names =
                    groups.stream().map(ParityCheck.Group::group).collect(Collectors.toSet());
            assertEquals(
                    Set.of(
                            "eval.logits",
                            "train.logits",
                            "train.loss",
                            "train.grad.input",
                            "train.grad",
                            "train.running",
                            "sgd1",
                            "sgd3",
                            "sgd.losses"),
                    names);
            for (ParityCheck.Group group : groups) {
                assertTrue(group.passed(), group.toString());
            }
        }
    }
}
