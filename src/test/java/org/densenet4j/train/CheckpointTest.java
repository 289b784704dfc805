package org.densenet4j.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Drops;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.ParameterSpec;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;
import org.densenet4j.io.SafetensorsWriter;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.spec.ResNetSpec;
import org.densenet4j.spec.SpecMetadata;
import org.densenet4j.spec.Stem;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.RandomModel;
import org.densenet4j.weights.SafetensorsExport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** What is said of files that a trainer does not continue from. */
class CheckpointTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.preset("bc-10-4").classes(2).inputSize(8).build();

    @TempDir private Path folder;
    private Device device;

    @BeforeEach
    void open() {
        device = Device.cpu();
    }

    @AfterEach
    void close() {
        device.close();
    }

    private IOException refused(Path path, NetworkSpec spec) {
        try (Trainer trainer = Trainer.of(spec, device).batch(2).open()) {
            return assertThrows(IOException.class, () -> trainer.load(path));
        }
    }

    @Test
    void weightsOfOthersAndExportsAreNoCheckpointsRatherThanDamaged() throws IOException {
        RandomModel random = new RandomModel(SPEC, 1);
        Path export = folder.resolve("export.safetensors");
        try (Model model = Model.open(random.write(folder.resolve("model.safetensors")))) {
            SafetensorsExport.write(model, export);
        }
        Path foreign = random.writeForeign(folder.resolve("foreign.safetensors"), name -> name);
        for (Path path : new Path[] {export, foreign}) {
            IOException e = refused(path, SPEC);
            assertTrue(e.getMessage().contains("is not a checkpoint"), e.getMessage());
            assertTrue(e.getMessage().contains("Weights.load"), e.getMessage());
            assertFalse(e.getMessage().contains("damaged"), e.getMessage());
        }
    }

    static Stream<NetworkSpec> networks() {
        return Stream.of(
                FcDenseNetSpec.builder()
                        .growthRate(3)
                        .downLayers(1, 1)
                        .bottleneckLayers(1)
                        .upLayers(1, 1)
                        .initialChannels(4)
                        .classes(3)
                        .inputSize(8, 9)
                        .build(),
                ResNetSpec.cifar(8).initialChannels(4).classes(3).inputSize(8).build(),
                DenseNetSpec.densenet121()
                        .layersPerBlock(1, 1)
                        .growthRate(4)
                        .initialChannels(8)
                        .stem(Stem.DEEP_BLUR)
                        .classes(3)
                        .inputSize(17)
                        .build(),
                graph(4));
    }

    private static Graph graph(int channels) {
        Graph.Builder graph = Graph.builder("of my own", 6, 7, 3);
        Features x = new Features("x", 6, 7, channels);
        Read images = Read.raw(graph.input().all());
        Drops drops = new Drops(1, 0.2, 1);
        graph.add(
                new ConvolutionLayer(
                        "first", images, Window.THREE, "my.first", true, drops, x.all()));
        Norm norm = new Norm("my.norm", 1e-4, 0.3);
        Read read = Read.normalisedRelu(norm, x.all());
        return graph.add(new Classifier("head", read, "my.head", 3)).build();
    }

    private static void train(Trainer trainer, int steps) {
        NetworkSpec spec = trainer.spec();
        for (int step = 0; step < steps; step++) {
            SplittableRandom random = new SplittableRandom(trainer.steps());
            int images = 2;
            int pixels = spec.inputHeight() * spec.inputWidth();
            float[] values = new float[images * pixels * 3];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            int labels = images * spec.graph().labelsPerImage();
            Network network = trainer.network();
            Pass pass = trainer.nextPass(images);
            network.zeroGradients();
            network.input(values, images);
            network.trainingPass(pass, random.ints(labels, 0, 3).toArray(), 0, labels);
            trainer.update();
        }
    }

    private static Trainer open(NetworkSpec spec, Device on) {
        return Trainer.of(spec, on).batch(2).seed(5).open();
    }

    private static void assertSameState(Network one, Network other) {
        for (ParameterSpec p : one.parameters()) {
            String name = p.name();
            assertArrayEquals(one.parameter(name), other.parameter(name), name);
            assertArrayEquals(one.velocity(name), other.velocity(name), name);
        }
        for (ParameterSpec p : one.runningStatistics()) {
            String name = p.name();
            assertArrayEquals(one.runningStatistic(name), other.runningStatistic(name), name);
        }
    }

    @ParameterizedTest
    @MethodSource("networks")
    void everyNetworkContinuesAsIfItHadNotStopped(NetworkSpec spec) throws IOException {
        Path path = folder.resolve("checkpoint.safetensors");
        DeviceOptions bitwise = new DeviceOptions(2, true, true);
        try (Device deterministic = Device.open("cpu", bitwise);
                Trainer first = open(spec, deterministic);
                Trainer second = open(spec, deterministic)) {
            train(first, 2);
            first.save(path);
            train(first, 2);
            second.load(path);
            train(second, 2);
            assertSameState(first.network(), second.network());
        }
        NetworkSpec saved = Checkpoint.spec(path);
        assertEquals(Optional.empty(), SpecMetadata.difference(spec, saved));
        assertEquals(spec.name(), saved.name());
        assertEquals(spec.toString(), saved.toString());
    }

    @Test
    void aCheckpointOfAnotherNetworkIsRefusedWithBothAndWhatDiffers() throws IOException {
        Path path = folder.resolve("checkpoint.safetensors");
        try (Trainer trainer = open(graph(4), device)) {
            trainer.save(path);
        }
        String start = path + ": was saved from of my own (2 nodes, input input 6x7x3), this";
        IOException e = refused(path, graph(5));
        assertTrue(e.getMessage().startsWith(start), e.getMessage());
        assertTrue(e.getMessage().endsWith(": the node 'first'"), e.getMessage());
        e = refused(path, SPEC);
        assertTrue(e.getMessage().startsWith(start), e.getMessage());
        assertTrue(e.getMessage().endsWith(": networks of different families"), e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void aGraphThatIsBrokenInTheMetadataIsRefusedInOneLine() throws IOException {
        Path path = folder.resolve("broken.safetensors");
        new SafetensorsWriter()
                .metadata("format", "densenet4j-checkpoint-1")
                .metadata("spec.family", "graph")
                .metadata("spec.name", "mine")
                .metadata("spec.graph", "{\"input\": \"a\\nb\"}")
                .write(path);
        IOException e = assertThrows(IOException.class, () -> Checkpoint.spec(path));
        assertEquals(
                path + ": the spec in the metadata is broken: input is 'a b', not an object",
                e.getMessage());
    }

    @Test
    void everyFieldThatDiffersIsNamed() throws IOException {
        Path path = folder.resolve("checkpoint.safetensors");
        DenseNetSpec other = SPEC.toBuilder().dropout(0.25).bnEpsilon(0.001).build();
        try (Trainer trainer = Trainer.of(other, device).batch(2).open()) {
            trainer.save(path);
        }
        IOException e = refused(path, SPEC);
        assertTrue(
                e.getMessage().endsWith(": dropout 0.25, not 0.0; bnEpsilon 0.001, not 1.0E-5"),
                e.getMessage());
    }
}
