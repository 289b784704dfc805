import org.densenet4j.backend.Device;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.engine.SgdStep;
import org.densenet4j.graph.Addition;
import org.densenet4j.graph.Classifier;
import org.densenet4j.graph.ConvolutionLayer;
import org.densenet4j.graph.Features;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.Norm;
import org.densenet4j.graph.Read;
import org.densenet4j.graph.Window;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.plan.MemoryStrategy;

import java.util.Locale;
import java.util.SplittableRandom;

/**
 * A dense block inside a network of one's own, and a loss of one's own: where is the spot in the
 * image, left to right, from 0 to 1? The answer is a number, its loss the squared error.
 *
 * <pre>
 * java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
 *     -cp target/densenet4j.jar examples/OwnNetwork.java [STEPS]
 * </pre>
 */
public final class OwnNetwork {
    private static final int SIDE = 24;
    private static final int BATCH = 32;

    /** A strided stem, a dense block of eight layers, and a sum past it. */
    static Graph network() {
        int stem = 16;
        int growth = 8;
        int layers = 8;
        Graph.Builder graph = Graph.builder("spot", SIDE, SIDE, 1);
        Features x = new Features("block", SIDE / 2, SIDE / 2, stem + layers * growth);
        Read images = Read.raw(graph.input().all());
        graph.add(ConvolutionLayer.of("stem", images, new Window(3, 2, 1), x.prefix(stem)));
        for (int l = 0; l < layers; l++) {
            int channels = stem + l * growth; // reads all that is there, writes what comes next
            Read prefix = Read.normalisedRelu(Norm.of("norm" + l), x.prefix(channels));
            graph.add(
                    ConvolutionLayer.of(
                            "layer" + l, prefix, Window.THREE, x.columns(channels, growth)));
        }
        Features branch = new Features("branch", SIDE / 2, SIDE / 2, stem);
        Features sum = new Features("sum", SIDE / 2, SIDE / 2, stem);
        Read block = Read.normalisedRelu(Norm.of("norm.out"), x.all());
        graph.add(ConvolutionLayer.of("out", block, Window.POINT, branch.all()));
        graph.add(
                new Addition(
                        "add", Read.raw(branch.all()), Read.raw(x.prefix(stem)), false, sum.all()));
        Read features = Read.normalisedRelu(Norm.of("norm.head"), sum.all());
        return graph.add(new Classifier("head", features, "head.linear", 1)).build();
    }

    public static void main(String[] args) {
        int steps = args.length > 0 ? Integer.parseInt(args[0]) : 300;
        try (Device device = Device.best()) {
            MemoryPlan plan =
                    MemoryPlan.of(network())
                            .strategy(MemoryStrategy.SHARED)
                            .batch(BATCH)
                            .on(device);
            System.out.printf(Locale.ROOT, "%,d bytes%n", plan.peakBytes());
            try (Network network = Network.open(plan, device, 42)) {
                train(network, steps);
            }
        }
    }

    private static void train(Network network, int steps) {
        SplittableRandom random = new SplittableRandom(1);
        float[] images = new float[BATCH * SIDE * SIDE];
        float[] places = new float[BATCH];
        float[] gradient = new float[BATCH];
        for (int step = 1; step <= steps; step++) {
            draw(random, images, places);
            Pass pass = new Pass(BATCH, Mode.TRAIN, 42, step);
            network.input(images, BATCH);
            network.forward(pass);
            float[] answers = network.logits(BATCH);
            double loss = 0;
            for (int i = 0; i < BATCH; i++) {
                float error = answers[i] - places[i];
                loss += error * error / BATCH;
                gradient[i] = 2 * error / BATCH;
            }
            network.logitsGradient(gradient, BATCH);
            network.zeroGradients();
            network.backward(pass);
            network.update(SgdStep.of(0.05).withMomentum(0.9, true));
            if (step == 1 || step % 50 == 0) {
                System.out.printf(Locale.ROOT, "step %d: loss %.4f%n", step, loss);
            }
        }
    }

    /** A spot in noise. */
    private static void draw(SplittableRandom random, float[] images, float[] places) {
        for (int i = 0; i < BATCH; i++) {
            double x = 2 + random.nextDouble() * (SIDE - 5);
            double y = 2 + random.nextDouble() * (SIDE - 5);
            places[i] = (float) (x / SIDE);
            for (int p = 0; p < SIDE * SIDE; p++) {
                double far = Math.hypot(p % SIDE - x, p / SIDE - y);
                images[i * SIDE * SIDE + p] =
                        (float) (Math.exp(-far * far / 3) + 0.1 * random.nextGaussian());
            }
        }
    }
}
