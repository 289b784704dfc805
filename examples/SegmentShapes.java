import org.densenet4j.backend.Device;
import org.densenet4j.data.SegmentationLoader;
import org.densenet4j.data.SegmentationScores;
import org.densenet4j.data.Shapes;
import org.densenet4j.engine.PixelTally;
import org.densenet4j.graph.Graph;
import org.densenet4j.graph.NetworkSpec;
import org.densenet4j.graph.PixelClassifier;
import org.densenet4j.graph.Read;
import org.densenet4j.plan.MemoryStrategy;
import org.densenet4j.spec.FcDenseNetSpec;
import org.densenet4j.train.LearningRateSchedule;
import org.densenet4j.train.Rmsprop;
import org.densenet4j.train.Trainer;

import java.util.List;
import java.util.Locale;

/**
 * Which shape is each pixel of? A small FC-DenseNet learns it. A linear classifier of a pixel's
 * colour, which is a graph of one node, cannot, on the images that it is trained on either: it is
 * what the other is measured against.
 *
 * <pre>
 * java --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED \
 *     -cp target/densenet4j.jar examples/SegmentShapes.java [STEPS [IMAGES]]
 * </pre>
 */
public final class SegmentShapes {
    private static final int SIDE = 64;
    private static final int BATCH = 8;
    private static final int TESTED = 200;
    private static final double RATE = 4e-3;
    private static final int CLASSES = Shapes.shapeClasses().count();

    /** The network whose logits of a pixel are a linear function of its red, green and blue. */
    static NetworkSpec linear() {
        Graph.Builder graph = Graph.builder("linear", SIDE, SIDE, 3);
        Read colours = Read.raw(graph.input().all());
        return graph.add(new PixelClassifier("head", colours, "head.linear", CLASSES)).build();
    }

    /** Three levels of dense blocks down, and up again. */
    static NetworkSpec fcDenseNet() {
        return FcDenseNetSpec.preset("fc-densenet-3-3-8")
                .dropout(0)
                .classes(CLASSES)
                .inputSize(SIDE)
                .build();
    }

    public static void main(String[] args) {
        int steps = args.length > 0 ? Integer.parseInt(args[0]) : 2000;
        int images = args.length > 1 ? Integer.parseInt(args[1]) : steps * BATCH;
        SegmentationLoader seen = SegmentationLoader.of(Shapes.of(0, images, SIDE, 1)).batch(BATCH);
        SegmentationLoader unseen =
                SegmentationLoader.of(Shapes.of(1_000_000, Math.min(images, TESTED), SIDE, 1))
                        .batch(BATCH);
        try (Device device = Device.best()) {
            for (NetworkSpec network : List.of(linear(), fcDenseNet())) {
                try (Trainer trainer =
                        Trainer.of(network, device)
                                .strategy(MemoryStrategy.SHARED)
                                .batch(BATCH)
                                .optimizer(Rmsprop.ofFcDenseNet(RATE))
                                .seed(42)
                                .open()) {
                    train(trainer, seen.shuffle(1).flip(true), steps);
                    report(network.name() + ", images that it has seen", test(trainer, seen));
                    report(network.name() + ", others", test(trainer, unseen));
                }
            }
        }
    }

    private static void train(Trainer trainer, SegmentationLoader loader, int steps) {
        LearningRateSchedule rate = LearningRateSchedule.cosine(RATE).withWarmUp(0.02);
        for (int epoch = 0; trainer.steps() < steps; epoch++) {
            try (SegmentationLoader.Epoch batches = loader.epoch(epoch)) {
                while (batches.hasNext() && trainer.steps() < steps) {
                    trainer.learningRate(rate.rate((double) trainer.steps() / steps));
                    trainer.step(batches.next());
                }
            }
        }
    }

    private static SegmentationScores test(Trainer trainer, SegmentationLoader loader) {
        SegmentationScores scores = new SegmentationScores(CLASSES);
        try (SegmentationLoader.Epoch batches = loader.epoch(0)) {
            for (int images = 0; batches.hasNext() && images < TESTED; images += BATCH) {
                PixelTally pixels = trainer.evaluate(batches.next()).pixels();
                scores.add(pixels.intersection(), pixels.labelled(), pixels.predicted());
            }
        }
        return scores;
    }

    private static void report(String what, SegmentationScores scores) {
        System.out.printf(
                Locale.ROOT,
                "%s: mean IoU %.3f, accuracy %.3f%n",
                what,
                scores.meanIou(),
                scores.accuracy());
    }
}
