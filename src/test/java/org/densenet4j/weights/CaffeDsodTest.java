package org.densenet4j.weights;

import static org.densenet4j.weights.CaffeFile.blob;
import static org.densenet4j.weights.CaffeFile.message;
import static org.densenet4j.weights.CaffeFile.number;
import static org.densenet4j.weights.CaffeFile.of;
import static org.densenet4j.weights.CaffeFile.setting;
import static org.densenet4j.weights.CaffeFile.single;
import static org.densenet4j.weights.CaffeFile.text;
import static org.densenet4j.weights.CaffeFile.weights;
import static org.densenet4j.weights.CaffeFile.with;
import static org.densenet4j.weights.CaffeFile.without;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import com.google.protobuf.UnknownFieldSet.Field;

import org.densenet4j.backend.Device;
import org.densenet4j.data.CocoFile;
import org.densenet4j.data.Image;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.VocFolder;
import org.densenet4j.detection.Detection;
import org.densenet4j.detection.DetectionOutput;
import org.densenet4j.detection.Priors;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.graph.Node;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.PixelHead;
import org.densenet4j.inference.Detector;
import org.densenet4j.io.Safetensors;
import org.densenet4j.io.TensorFile;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.reference.ReferenceNetwork;
import org.densenet4j.spec.DsodSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** Caffe models of DSODs, as {@code scripts/record_caffe.py} writes them. */
class CaffeDsodTest {
    private static final Path RECORD = CaffeFile.FOLDER.resolve("dsod-small.safetensors");

    /** Of the double-precision reference: statistics and normalisation are rounded once here. */
    private static final double ROUNDING = 2e-6;

    @TempDir private Path folder;

    // ---------------------------------------------------------------- what is computed

    private static double[] record(String name) throws IOException {
        try (Safetensors file = Safetensors.open(RECORD)) {
            return file.tensor(name).toDoubles();
        }
    }

    private static Image image() throws IOException {
        double[] values = record("case.image");
        byte[] pixels = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            pixels[i] = (byte) values[i];
        }
        return new Image(71, 54, 3, pixels);
    }

    private static void assertClose(double[] expected, double[] found, String what) {
        assertEquals(expected.length, found.length);
        double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        double error = 0;
        for (int i = 0; i < found.length; i++) {
            error = Math.max(error, Math.abs(found[i] - expected[i]));
        }
        assertTrue(error <= ROUNDING * largest, what + " is off by " + error + " of " + largest);
    }

    private static double[] joined(ReferenceNetwork network, DsodSpec spec, boolean offsets) {
        List<Node> heads = spec.graph().heads();
        List<double[]> parts = new ArrayList<>();
        for (int i = 0; i < heads.size(); i++) {
            String name = ((PixelHead) heads.get(i)).name();
            if ((offsets ? spec.offsetHeads() : spec.classHeads()).contains(name)) {
                parts.add(network.logits(i));
            }
        }
        return parts.stream().flatMapToDouble(Arrays::stream).toArray();
    }

    private static void assertComputesAsCaffe(Path path) throws IOException {
        try (Model model = Model.open(path)) {
            DsodSpec spec = (DsodSpec) model.spec();
            ReferenceNetwork network = new ReferenceNetwork(spec);
            for (ParameterSpec p : tensors(spec)) {
                float[] values = model.values(p.name());
                double[] to =
                        spec.graph().runningStatistics().contains(p)
                                ? network.runningStatistic(p.name())
                                : network.parameter(p.name());
                for (int i = 0; i < to.length; i++) {
                    to[i] = values[i];
                }
            }
            float[] prepared = new float[71 * 54 * 3];
            model.normalisation().apply(image(), prepared, 0);
            double[] input = new double[prepared.length];
            Arrays.setAll(input, i -> prepared[i]);
            network.forward(input, Mode.EVALUATE, ReferenceNetwork.Dropout.NONE);
            assertClose(record("case.mbox_loc"), joined(network, spec, true), "mbox_loc");
            assertClose(record("case.mbox_conf"), joined(network, spec, false), "mbox_conf");
        }
    }

    private static List<ParameterSpec> tensors(DsodSpec spec) {
        return Stream.concat(
                        spec.graph().parameters().stream(),
                        spec.graph().runningStatistics().stream())
                .toList();
    }

    @Test
    void theNetworkComputesWhatCaffesLayersDo() throws IOException {
        assertComputesAsCaffe(CaffeFile.SMALL);
    }

    @Test
    void aDetectorFindsInAnImageWhatCaffesLayersSay() throws IOException {
        float[] offsets = floats(record("case.mbox_loc"));
        float[] logits = floats(record("case.mbox_conf"));
        try (Model model = Model.open(CaffeFile.SMALL);
                Device device = Device.cpu();
                Detector detector =
                        Detector.of(model)
                                .device(device)
                                .output(DetectionOutput.PUBLISHED)
                                .open()) {
            Priors priors = detector.spec().priors();
            List<Detection> wanted =
                    DetectionOutput.PUBLISHED.of(priors, 3, logits, offsets).getFirst();
            wanted = DetectionOutput.inPixels(wanted, 71, 54);
            List<Detection> found = detector.detect(image());
            assertTrue(wanted.size() > 20);
            for (Detection w : wanted.subList(0, 20)) {
                assertTrue(found.stream().anyMatch(f -> near(w, f)), w + " is not found");
            }
        }
    }

    private static boolean near(Detection a, Detection b) {
        return a.label() == b.label()
                && Math.abs(a.score() - b.score()) < 1e-3
                && Math.abs(a.box().left() - b.box().left()) < 0.05
                && Math.abs(a.box().top() - b.box().top()) < 0.05
                && Math.abs(a.box().right() - b.box().right()) < 0.05
                && Math.abs(a.box().bottom() - b.box().bottom()) < 0.05;
    }

    private static float[] floats(double[] values) {
        float[] floats = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            floats[i] = (float) values[i];
        }
        return floats;
    }

    @Test
    void aNetworkGoesOnFromItsWeights() throws IOException {
        DsodSpec spec;
        try (Model model = Model.open(CaffeFile.SMALL)) {
            spec = (DsodSpec) model.spec();
        }
        try (Device device = Device.cpu();
                Network network = Network.open(MemoryPlan.of(spec).on(device), device, 1);
                TensorFile file = WeightFile.open(CaffeFile.SMALL)) {
            WeightReport report = Weights.load(CaffeFile.SMALL, network, LoadOptions.strict());
            assertEquals(tensors(spec).size(), report.matched().size());
            String name = "head2.conv.weight";
            assertArrayEquals(file.tensor(name).toFloats(), network.parameter(name));
            assertTrue(Weights.images(CaffeFile.SMALL).normalisation().isPresent());
            file.close();
            assertThrows(IllegalStateException.class, () -> file.tensor(name));
        }
    }

    // ---------------------------------------------------------------- what the file tells

    @Test
    void theFileTellsTheNetworkAndHowImagesAreNormalised() throws IOException {
        try (Model model = Model.open(CaffeFile.SMALL)) {
            DsodSpec expected =
                    DsodSpec.builder()
                            .stemChannels(4)
                            .layersPerBlock(2, 1, 2, 1)
                            .growthRate(4)
                            .bottleneckWidth(8)
                            .secondChannels(6)
                            .stepChannels(6, 4)
                            .boxes(
                                    List.of(
                                            new DsodSpec.Boxes(8, 9, 14, List.of(2.0)),
                                            new DsodSpec.Boxes(16, 14, 22, List.of(2.0, 3.0)),
                                            new DsodSpec.Boxes(32, 22, 30, List.of(2.0)),
                                            new DsodSpec.Boxes(60, 30, 44, List.of(1.5))))
                            .classes(3)
                            .inputSize(71, 54)
                            .build();
            assertEquals(expected, model.spec());
            assertEquals(List.of("class 0", "class 1", "class 2"), model.classNames());
            Normalisation n = model.normalisation();
            assertArrayEquals(new float[] {123 / 255f, 117 / 255f, 104 / 255f}, n.mean(), 1e-7f);
            float[] deviation = {1 / 255f, 1 / 255f, 1 / 255f};
            assertArrayEquals(deviation, n.deviation(), 1e-9f);
            assertTrue(model.report().problems().isEmpty());
            assertFalse(model.report().untold().isPresent());
        }
        Path scaled =
                CaffeFile.small()
                        .change("data", setting(100, 5, single(128)))
                        .change("data", setting(100, 1, single(0.017f)))
                        .write(folder.resolve("scaled.caffemodel"));
        try (Model model = Model.open(scaled)) {
            Normalisation n = model.normalisation();
            assertEquals(128 / 255f, n.mean()[1], 1e-7f);
            assertEquals(1 / 255f / 0.017f, n.deviation()[2], 1e-6f);
        }
        Path meanFile =
                CaffeFile.small()
                        .change("data", setting(100, 4, text("mean.binaryproto")))
                        .write(folder.resolve("mean.caffemodel"));
        try (Model model = Model.open(meanFile)) {
            assertFalse(model.hasNormalisation());
        }
    }

    /**
     * As a program of one's own, or pycaffe's {@code net.save} of the network for tests, has it.
     */
    @Test
    void neitherNamesNorTheLossMatter() throws IOException {
        Set<Integer> names = Set.of(1, 3, 4);
        Path renamed =
                CaffeFile.small()
                        .changeAll(
                                layer -> {
                                    UnknownFieldSet changed = layer;
                                    for (int field : names) {
                                        Field.Builder texts = Field.newBuilder();
                                        for (ByteString name :
                                                layer.getField(field).getLengthDelimitedList()) {
                                            texts.addLengthDelimited(
                                                    name.concat(ByteString.copyFromUtf8("/x")));
                                        }
                                        changed = with(changed, field, texts.build());
                                    }
                                    return changed;
                                })
                        .write(folder.resolve("renamed.caffemodel"));
        assertComputesAsCaffe(renamed);
        Field shape =
                Field.newBuilder().addVarint(1).addVarint(3).addVarint(71).addVarint(54).build();
        UnaryOperator<UnknownFieldSet> plain = UnaryOperator.identity();
        Path deployed =
                CaffeFile.small()
                        .remove("data")
                        .remove("mbox_loss")
                        .network(3, text("data"))
                        .network(8, message(of(1, shape)))
                        .add("Reshape", "mbox_conf_reshape", new String[] {"mbox_conf"}, plain)
                        .add(
                                "Softmax",
                                "mbox_conf_softmax",
                                new String[] {"mbox_conf_reshape"},
                                plain)
                        .add(
                                "Flatten",
                                "mbox_conf_flatten",
                                new String[] {"mbox_conf_softmax"},
                                plain)
                        .add(
                                "DetectionOutput",
                                "detection_out",
                                new String[] {"mbox_loc", "mbox_conf_flatten", "mbox_priorbox"},
                                setting(204, 6, number(2)))
                        .write(folder.resolve("deployed.caffemodel"));
        assertComputesAsCaffe(deployed); // the authors' mean, which it does not tell
    }

    @Test
    void everyNumberOfDsod300HasItsPlace() throws IOException {
        CaffeFile file = CaffeFile.dsod300();
        assertEquals(482, file.layers());
        Path path = file.write(folder.resolve("dsod300.caffemodel"));
        assertTrue(Files.size(path) > 59_183_312); // 14,795,828 numbers
        try (Model model = Model.open(path)) {
            DsodSpec spec = DsodSpec.dsod300().build();
            assertEquals(spec, model.spec());
            assertEquals(VocFolder.CLASSES, model.classNames());
            long parameters = 0;
            Set<Long> seen = new HashSet<>();
            for (ParameterSpec p : tensors(spec)) {
                float[] values = model.values(p.name());
                assertEquals(p.count(), values.length, p.name());
                parameters += spec.graph().parameters().contains(p) ? values.length : 0;
                Set<Long> own = new HashSet<>();
                for (int i = 0; i < values.length; i++) {
                    if (i == 0 || values[i] != values[i - 1]) {
                        own.add(blobOf(p.name(), values[i]));
                    }
                }
                // Each head has two convolutions, and each blob a number of its own.
                assertEquals(p.name().matches("head\\d\\.conv.weight") ? 2 : 1, own.size());
                own.forEach(value -> assertTrue(seen.add(value), p.name()));
            }
            assertEquals(14_715_804, parameters);
            // 92 convolutions with a mean, a variance, a scale and a bias each, six L2 norms
            assertEquals(92 * 5 + 6, seen.size());
        }
    }

    /** Blob i has i/1024; mean, variance and factor lie behind each other. */
    private static long blobOf(String name, double value) {
        if (name.endsWith("running_mean")) {
            return Math.round(2 * value / (1 - value));
        }
        if (name.endsWith("running_var")) {
            return Math.round(value / (1 - value));
        }
        return Math.round(1024 * value);
    }

    @ParameterizedTest
    @ValueSource(strings = {"dsod300-coco", "dsod300-smallest"})
    void theAuthorsOtherNetworksAreTold(String name) throws IOException {
        Path path = CaffeFile.ofHalves(name).write(folder.resolve(name + ".caffemodel"));
        DsodSpec spec = DsodSpec.preset(name).build();
        try (TensorFile file = WeightFile.open(path)) {
            assertEquals(spec, RecordedNetwork.of(path, file).orElseThrow());
            assertEquals(tensors(spec).size(), file.names().size());
            assertEquals(1, file.tensor("step4.strided.conv.weight").toFloats()[7]);
        }
        List<String> classes = Weights.images(path).classNames().orElseThrow();
        assertEquals(spec.classes() == 80 ? CocoFile.CLASSES : VocFolder.CLASSES, classes);
        assertEquals(spec.classes(), new HashSet<>(classes).size());
    }

    // ---------------------------------------------------------------- what is refused

    private void assertRefused(CaffeFile file, String... words) throws IOException {
        Path path = file.write(folder.resolve("refused.caffemodel"));
        IOException e = assertThrows(IOException.class, () -> Model.open(path).close());
        assertTrue(e.getMessage().startsWith(path + ": "), e.getMessage());
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        for (String word : words) {
            assertTrue(e.getMessage().contains(word), e.getMessage());
        }
    }

    private static CaffeFile changed(String layer, UnaryOperator<UnknownFieldSet> how)
            throws IOException {
        return CaffeFile.small().change(layer, how);
    }

    @Test
    void otherNetworksAreRefusedWithTheLayer() throws IOException {
        assertRefused(CaffeFile.small().remove("mbox_loss"), "not of a DSOD", "no DetectionOutput");
        assertRefused(
                CaffeFile.small().remove("Convolution5"),
                "'Concat1' reads what no layer in front of it makes");
        assertRefused(
                changed("First_norm", l -> with(l, 2, text("ReLU"))),
                "the layer 'First_norm' (ReLU) is where a Normalize is wanted");
        assertRefused(changed("ReLU5", setting(123, 1, single(0.1f))), "'ReLU5' (ReLU) is leaky");
        assertRefused(
                changed("Pooling3", setting(121, 1, number(1))), "'Pooling3'", "no", "maximum");
        assertRefused(changed("Convolution7", setting(106, 4, number(5))), "'Convolution7'", "3x3");
        assertRefused(changed("Convolution7", setting(106, 5, number(2))), "groups");
        assertRefused(
                changed("BatchNorm9", setting(139, 3, single(1e-3f))), "'BatchNorm9'", "epsilon");
        assertRefused(
                changed("Second_norm_mbox_conf_bn", setting(139, 3, single(1e-5f))),
                "'Second_norm_mbox_conf_bn'",
                "0.001 is wanted");
        assertRefused(changed("Third_norm", setting(206, 1, number(1))), "all pixels together");
        assertRefused(changed("mbox_loss", setting(201, 14, number(1))), "CENTER_SIZE");
        assertRefused(changed("mbox_loss", setting(201, 9, number(3))), "background first");
        assertRefused(changed("First_norm_mbox_priorbox", setting(203, 5, number(1))), "are cut");
        assertRefused(
                changed("First_norm_mbox_priorbox", setting(203, 1, single(9, 12))),
                "other than one least");
        assertRefused(
                changed("First_norm_mbox_priorbox", setting(203, 1, single(20))),
                "First_norm_mbox_priorbox");
        assertRefused(
                changed("First_norm_mbox_priorbox", setting(203, 3, single(2, 3))),
                "'First_norm_mbox_loc' (Convolution) has 16 outputs for 6 boxes at each cell");
        assertRefused(
                changed("Convolution6", weights(6, 12, 1, 1)),
                "its 'block1.layer2.conv1.weight' is [6, 12, 1, 1], which would be [8, 12, 1, 1]");
        assertRefused(changed("data", setting(100, 5, single(1, 2))), "means of 2 channels of 3");
    }

    @Test
    void whatWasNotTrainedOrIsNoNumberIsRefused() throws IOException {
        assertRefused(
                changed("BatchNorm4", blob(2, 1, 0)), "'BatchNorm4'", "no batch (its factor is 0)");
        assertRefused(changed("BatchNorm4", blob(2, 1, -2)), "block1.layer1.norm1.running_var");
        assertRefused(changed("Scale4", blob(0, 8, Float.NaN)), "block1.layer1.norm1.weight");
        assertRefused(changed("Scale4", blob(0, 7, 1)), "7 numbers for the shape [8]");
        assertRefused(changed("Scale4", without(7)), "has no bias");
    }

    @Test
    void aFileThatIsCutAnywhereIsRefused() throws IOException {
        byte[] whole = Files.readAllBytes(CaffeFile.SMALL);
        for (int at = 300; at < whole.length; at += 6_000) {
            Path path = folder.resolve("cut.caffemodel");
            Files.write(path, Arrays.copyOf(whole, at));
            IOException e = assertThrows(IOException.class, () -> Model.open(path).close());
            assertTrue(e.getMessage().contains("Caffe model"), e.getMessage());
            assertEquals(1, e.getMessage().lines().count());
        }
    }

    @Test
    void anotherNetworkThanTheFilesIsRefused() {
        IOException e =
                assertThrows(
                        IOException.class,
                        () ->
                                Model.open(
                                                CaffeFile.SMALL,
                                                DsodSpec.dsod300().build(),
                                                LoadOptions.strict())
                                        .close());
        assertTrue(e.getMessage().contains("records that it is of DSOD"), e.getMessage());
    }
}
