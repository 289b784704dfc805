package org.densenet4j.parity;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.io.ParityCase;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.Stem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Kinks and cancellation are told from faults, and faults are found beside them. */
class ParityVerdictTest {
    private static final String SCALED = "features.denseblock1.denselayer1.conv1.weight";

    @TempDir private Path folder;

    private List<ParityCheck.Group> compare(RecordedCase recorded, MemoryStrategy strategy)
            throws IOException {
        try (ParityCase parity = ParityCase.open(recorded.write(folder.resolve("c.safetensors")));
                Device device =
                        Device.open("cpu", new DeviceOptions(2, false, true).withWinograd(false))) {
            return ParityCheck.run(parity, device, strategy);
        }
    }

    private Map<String, ParityCheck.Group> compare(RecordedCase recorded) throws IOException {
        return compare(recorded, MemoryStrategy.SHARED).stream()
                .collect(Collectors.toMap(ParityCheck.Group::group, g -> g));
    }

    private static RecordedCase kinked(Stem stem, int bottleneckWidth) {
        return RecordedCase.of(RecordedCase.spec(stem, bottleneckWidth), 3, 7);
    }

    private static RecordedCase smooth() {
        return RecordedCase.of(RecordedCase.spec(Stem.SMALL, 4), 0, 7);
    }

    private Kinks kinks(RecordedCase recorded) throws IOException {
        try (ParityCase parity = ParityCase.open(recorded.write(folder.resolve("k.safetensors")))) {
            return ParityCheck.of(parity).kinks().orElseThrow();
        }
    }

    @ParameterizedTest
    @CsvSource({"SMALL, 4", "SMALL, 0", "IMAGENET, 4", "IMAGENET, 0"})
    void gradientsThatDifferByKinksAloneAreExplained(Stem stem, int bottleneckWidth)
            throws IOException {
        assertExplained(kinked(stem, bottleneckWidth));
    }

    @ParameterizedTest
    @ValueSource(strings = {"fc-densenet", "resnet", "preresnet"})
    void kinksOfOtherNetworksAreFoundByTheirWitnesses(String kind) throws IOException {
        assertExplained(RecordedCase.of(RecordedCase.spec(kind), 2, 7));
    }

    private void assertExplained(RecordedCase recorded) throws IOException {
        for (MemoryStrategy strategy : MemoryStrategy.values()) {
            List<ParityCheck.Group> groups = compare(recorded, strategy);
            for (ParityCheck.Group group : groups) {
                assertTrue(group.passed(), group.toString());
            }
            assertTrue(
                    groups.stream()
                            .anyMatch(
                                    g ->
                                            g.group().startsWith("train.grad")
                                                    && !g.within()
                                                    && g.note().startsWith("explained by ")
                                                    && g.note().matches(".* kinks?: .*")),
                    groups.toString());
        }
    }

    @ParameterizedTest
    @CsvSource({"SMALL, 4", "SMALL, 0", "IMAGENET, 4", "IMAGENET, 0"})
    void aWrongGradientIsFoundBesideKinks(Stem stem, int bottleneckWidth) throws IOException {
        for (double factor : new double[] {1.02, 0.995, -1}) {
            RecordedCase recorded = kinked(stem, bottleneckWidth);
            recorded.scale("train.grad." + SCALED, factor);
            assertFault(recorded, "train.grad", SCALED);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "fc-densenet, transDownBlocks.1.conv.weight",
        "resnet, layer2.0.downsample.0.weight",
        "preresnet, layer1.1.conv2.weight"
    })
    void aWrongGradientOfAnotherNetworkIsFoundBesideKinks(String kind, String tensor)
            throws IOException {
        for (double factor : new double[] {1.02, 0.995, -1}) {
            RecordedCase recorded = RecordedCase.of(RecordedCase.spec(kind), 2, 7);
            recorded.scale("train.grad." + tensor, factor);
            assertFault(recorded, "train.grad", tensor);
        }
    }

    @Test
    void aWrongGradientIsFoundWhereThereAreNoKinks() throws IOException {
        for (double factor : new double[] {1.02, 0.995, -1}) {
            assertFault(smooth().scale("train.grad." + SCALED, factor), "train.grad", SCALED);
        }
    }

    private void assertFault(RecordedCase recorded, String name, String tensor) throws IOException {
        ParityCheck.Group group = compare(recorded).get(name);
        assertFalse(group.passed(), group.toString());
        assertEquals(tensor, group.worst(), group.toString());
        assertTrue(group.note().contains("the record is off double precision"), group.note());
    }

    @Test
    void everyWrongGradientIsFoundWhereThereAreKinks() throws IOException {
        for (String parameter : smooth().parameters()) {
            RecordedCase recorded = kinked(Stem.SMALL, 4);
            recorded.scale("train.grad." + parameter, 1.005);
            assertFalse(compare(recorded).get("train.grad").passed(), parameter);
        }
    }

    @Test
    void oneWrongFilterIsFoundBesideKinks() throws IOException {
        RecordedCase recorded = kinked(Stem.SMALL, 4);
        float[] gradient = recorded.tensor("train.grad." + SCALED);
        for (int i = 0; i < 8; i++) {
            gradient[i] *= 1.2f;
        }
        assertFault(recorded, "train.grad", SCALED);
    }

    @Test
    void aShiftedRunningStatisticIsFoundBesideKinks() throws IOException {
        RecordedCase recorded = kinked(Stem.SMALL, 4);
        recorded.tensor("train.running.features.norm5.running_mean")[2] += 1e-3f;
        ParityCheck.Group group = compare(recorded).get("train.running");
        assertFalse(group.passed(), group.toString());
        assertEquals("features.norm5.running_mean", group.worst());
    }

    @ParameterizedTest
    @CsvSource({
        "momentum, 0.8, sgd3",
        "lr, 0.02, sgd1",
        "nesterov, false, sgd1",
        "weight_decay, 0, sgd1",
        "bn_momentum, 0.2, train.running"
    })
    void aWrongSettingIsFoundBesideKinks(String key, String value, String group)
            throws IOException {
        RecordedCase recorded = kinked(Stem.SMALL, 4).metadata(key, value);
        assertFalse(compare(recorded).get(group).passed(), group);
    }

    @Test
    void aParameterThatIsWrongAfterStepsIsFoundBesideKinks() throws IOException {
        RecordedCase recorded = kinked(Stem.SMALL, 4).scale("sgd3." + SCALED, 1.01);
        assertFault(recorded, "sgd3", SCALED);
    }

    @Test
    void whatIsWrongByLessThanAToleranceIsFoundWhereTheRecordIsOfDoublePrecision()
            throws IOException {
        assertFault(smooth().scale("train.grad." + SCALED, 1.0005), "train.grad", SCALED);
        assertFault(smooth().scale("sgd3." + SCALED, 1.00001), "sgd3", SCALED);
        assertFault(smooth().scale("train.loss", 1.00002), "train.loss", "train.loss");
        RecordedCase small = smooth();
        float[] gradient = small.tensor("train.grad." + SCALED);
        int least = 0;
        for (int i = 1; i < gradient.length; i++) {
            least = Math.abs(gradient[i]) < Math.abs(gradient[least]) ? i : least;
        }
        gradient[least] *= -3;
        assertFault(small, "train.grad", SCALED);
    }

    @Test
    void aRecordOfSinglePrecisionHoldsWithinTheTolerances() throws IOException {
        RecordedCase single = smooth();
        for (String parameter : single.parameters()) {
            float[] gradient = single.tensor("train.grad." + parameter);
            for (int i = 0; i < gradient.length; i++) {
                gradient[i] *= 1 + (i % 7 - 3) * 1e-5f;
            }
        }
        assertTrue(compare(single).get("train.grad").passed());
    }

    @ParameterizedTest
    @ValueSource(strings = {"eval.logits", "train.logits", "train.loss", "train.grad.input"})
    void noiseExcusesNoWrongOutput(String tensor) throws IOException {
        RecordedCase wrong = smooth().scale(tensor, 1.5);
        wrong.tensor("noise." + tensor, List.of(1), 1e9f);
        assertFalse(compare(wrong).get(tensor).passed());
    }

    @Test
    void recordedNoiseLoosensAToleranceAndDoesNotHideAWrongRecord() throws IOException {
        String name = "features.conv0.weight";
        String tensor = "train.grad." + name;
        RecordedCase honest = smooth().tensor("noise." + tensor, List.of(1), 0.02f);
        assertTrue(compare(honest).get("train.grad").passed());
        RecordedCase wrong = smooth().scale(tensor, 1.02);
        wrong.tensor("noise." + tensor, List.of(1), 0.02f);
        assertFault(wrong, "train.grad", name);
    }

    @Test
    void kinksAreCountedByLayerWithTheSmallestInput() throws IOException {
        Kinks planted = kinks(kinked(Stem.SMALL, 4));
        Map<String, Long> layers =
                planted.all().stream()
                        .collect(Collectors.groupingBy(k -> k.layer(), Collectors.counting()));
        for (String norm :
                List.of(
                        "features.denseblock1.denselayer1.norm1",
                        "features.denseblock1.denselayer2.norm2",
                        "features.transition1.norm",
                        "features.norm5")) {
            assertTrue(layers.getOrDefault(norm, 0L) >= 3, norm + " " + layers);
        }
        assertTrue(planted.smallestInput() < 1e-7, planted.toString());
        String words = planted.toString();
        assertTrue(
                words.startsWith(
                        Kinks.count(planted.all().size(), "ReLU input") + " within rounding"),
                words);
        assertTrue(words.contains(", 3 in features.norm5"), words);
        assertTrue(words.contains(", 5 more layers; the smallest input of a ReLU is "), words);

        Kinks none = kinks(smooth());
        assertEquals(List.of(), none.all());
        assertTrue(none.toString().startsWith("no ReLU input is within rounding of zero"));
        assertTrue(none.smallestInput() > 1e-6 && none.smallestInput() < 1e-2, none.toString());
    }

    @Test
    void theKinkOfTorchvisionsOwnClassIsCounted() throws IOException {
        Path file = Path.of("src/test/resources/golden/tv-torchvision-k8.safetensors");
        try (ParityCase parity = ParityCase.open(file)) {
            Kinks kinks = ParityCheck.of(parity).kinks().orElseThrow();
            assertEquals(4.7e-7, kinks.smallestInput(), 0.05e-7);
            assertEquals(1, kinks.all().size(), kinks.toString());
        }
    }
}
