package org.densenet4j.inference;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceMemoryException;
import org.densenet4j.backend.DeviceUse;
import org.densenet4j.backend.Matrix;
import org.densenet4j.graph.Features;
import org.densenet4j.plan.ClassifierInference;
import org.densenet4j.plan.HeadInference;
import org.densenet4j.plan.InferenceMemory;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.plan.NodeInference;
import org.densenet4j.weights.WeightSource;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * A network for inference alone: folded weights in the memory of an {@link InferencePlan}. A GPU
 * records a pass when one of as many images runs the second time, and replays it from then on: one
 * launch, whatever the network. One thread uses it at a time; a second one that comes in between,
 * and calls after {@link #close}, get an {@link IllegalStateException}. {@link Predictor} is
 * thread-safe. The arena is allocated by {@link #open} and freed by {@link #close}, which may be
 * called twice.
 */
public final class InferenceNetwork implements AutoCloseable {
    private final InferencePlan plan;
    private final InferenceMemory memory;
    private final DeviceArena arena;
    private final List<InferenceStage> stages = new ArrayList<>();
    private final DeviceUse use;

    /** Images of the last pass, whose results are there. */
    private int looked;

    /** Stages of the last pass that have run. */
    private int ran;

    /** What tells a pass, or a part of it, from others that are recorded. */
    private record Recording(int from, int end, int images) {}

    private InferenceNetwork(InferencePlan plan, Device device) {
        this.plan = plan;
        this.memory = plan.memory();
        plan.requireDevice(device);
        this.use = new DeviceUse("network", device);
        this.arena = allocate(plan, device);
    }

    private static DeviceArena allocate(InferencePlan plan, Device device) {
        try {
            return device.allocate(
                    plan.peakBytes(),
                    plan.memory().libraryScratchOffset(),
                    plan.memory().libraryScratchBytesPerLane());
        } catch (DeviceMemoryException e) {
            throw plan.refused(device, e);
        }
    }

    /**
     * Allocates the plan's arena on a device and folds the weights into it.
     *
     * @param plan made for this device
     * @param device which stays the caller's
     * @param source the weights by name
     * @return the network, which the caller closes
     * @throws IOException when a weight cannot be read; the memory is freed then
     * @throws IllegalArgumentException when the weights are of another network than the plan's, or
     *     not finite; the memory is freed then
     * @throws org.densenet4j.plan.PlanException when the memory is not there, with what would fit
     */
    public static InferenceNetwork open(InferencePlan plan, Device device, WeightSource source)
            throws IOException {
        Objects.requireNonNull(plan, "plan");
        Objects.requireNonNull(device, "device");
        Objects.requireNonNull(source, "source");
        InferenceNetwork network = new InferenceNetwork(plan, device);
        boolean built = false;
        try (DeviceUse _ = network.use.begin()) {
            network.build(
                    new InferenceDevice(device, network.arena, network.memory),
                    new CheckedWeights(source, network.memory.graph()));
            built = true;
            return network;
        } finally {
            if (!built) {
                network.close();
            }
        }
    }

    private void build(InferenceDevice on, WeightSource weights) throws IOException {
        for (NodeInference node : memory.nodes()) {
            stages.add(InferenceStage.of(on, node, weights));
        }
    }

    /** {@return the plan that this network runs in} */
    public InferencePlan plan() {
        return plan;
    }

    /** {@return bytes that were allocated: the plan's peak} */
    public long allocatedBytes() {
        return arena.bytes();
    }

    /** {@return whether passes are replayed from a recording; see {@link DeviceArena#recording}} */
    public String recording() {
        return arena.recording();
    }

    /**
     * Runs the forward pass.
     *
     * @param images normalised pixels, NHWC
     * @param from index of the first image in the array
     * @param count images, 1 to the plan's batch
     * @throws IllegalArgumentException when the array has fewer images or they do not fit the plan
     */
    public void forward(float[] images, int from, int count) {
        forward(stages.size(), images, from, count);
    }

    /**
     * Runs the forward pass as far as a head; what comes behind it does not run. {@link #advance}
     * goes on from there.
     *
     * @param head the name of a head's node
     * @param images normalised pixels, NHWC
     * @param from index of the first image in the array
     * @param count images, 1 to the plan's batch
     * @throws IllegalArgumentException when there is no such head, or as the whole pass
     */
    public void forward(String head, float[] images, int from, int count) {
        Objects.requireNonNull(head, "head");
        Objects.requireNonNull(images, "images");
        forward(end(head), images, from, count);
    }

    /**
     * Goes on with the last pass as far as a head, unless it has come so far.
     *
     * @param head the name of a head's node
     * @throws IllegalArgumentException when there is no such head
     * @throws IllegalStateException when there was no pass
     */
    public void advance(String head) {
        Objects.requireNonNull(head, "head");
        int end = end(head);
        try (DeviceUse _ = use.begin()) {
            checkLooked(0, 1);
            int images = looked;
            looked = 0;
            run(end, images);
            looked = images;
        }
    }

    /** How many stages there are up to a head, with it. */
    private int end(String head) {
        memory.head(head);
        int end = 1;
        while (!memory.graph().nodes().get(end - 1).name().equals(head)) {
            end++;
        }
        return end;
    }

    /** Without the copy of the images, which a recording would make from the same place again. */
    private void run(int end, int images) {
        int from = ran;
        if (from >= end) {
            return;
        }
        List<InferenceStage> some = stages.subList(from, end);
        arena.replay(
                new Recording(from, end, images),
                () -> some.forEach(stage -> stage.forward(images)));
        ran = end;
    }

    private void forward(int end, float[] images, int from, int count) {
        try (DeviceUse _ = use.begin()) {
            if (count < 1 || count > plan.batch()) {
                throw new IllegalArgumentException(
                        "a batch of "
                                + count
                                + " images does not fit the plan, which is for 1 to "
                                + plan.batch());
            }
            Features input = memory.graph().input();
            int pixels = input.pixels();
            long floats = (long) pixels * input.channels();
            checkRoom("images", images, from * floats, count * floats);
            looked = 0;
            arena.upload(
                    images, Math.toIntExact(from * floats), memory.input().rows(0, count * pixels));
            ran = 0;
            run(end, count);
            looked = count;
        }
    }

    /** {@return whether every pixel has logits of its own, instead of every image} */
    public boolean classifiesPixels() {
        return !(memory.head() instanceof ClassifierInference);
    }

    /** {@return floats of the logits of one image: its classes, or those of each of its pixels} */
    public int logitsPerImage() {
        return perImage(memory.head());
    }

    /**
     * {@return {@link #logitsPerImage()} of the head of this name}
     *
     * @param head the name of a head's node
     * @throws IllegalArgumentException when there is none
     */
    public int logitsPerImage(String head) {
        Objects.requireNonNull(head, "head");
        return perImage(memory.head(head));
    }

    private static int perImage(HeadInference head) {
        return Math.multiplyExact(head.logitRowsPerImage(), head.logits().columns());
    }

    /**
     * Copies the logits of the last pass, and of the last head, to {@code target}, from {@code at}:
     * [count, classes], or [count, height, width, classes] where {@linkplain #classifiesPixels
     * every pixel has its own}.
     *
     * @param count images of the last pass
     * @param target receives them
     * @param at where the first one is put
     */
    public void logits(int count, float[] target, int at) {
        Objects.requireNonNull(target, "target");
        logits(memory.head(), count, target, at);
    }

    /**
     * {@link #logits(int, float[], int)} of the head of this name.
     *
     * @param head the name of a head's node
     * @param count images of the last pass
     * @param target receives them
     * @param at where the first one is put
     * @throws IllegalArgumentException when there is none
     */
    public void logits(String head, int count, float[] target, int at) {
        Objects.requireNonNull(head, "head");
        Objects.requireNonNull(target, "target");
        logits(memory.head(head), count, target, at);
    }

    private void logits(HeadInference head, int count, float[] target, int at) {
        try (DeviceUse _ = use.begin()) {
            if (looked > 0 && ran < end(head.name())) {
                throw new IllegalStateException(
                        "the last pass has not come to '" + head.name() + "'; call advance before");
            }
            copy(head.logits(), head.logitRowsPerImage(), count, target, at);
        }
    }

    /**
     * Copies the pooled features [count, channels] of the last pass.
     *
     * @param count images of the last pass
     * @param target receives them
     * @param at where the first one is put
     * @throws IllegalArgumentException when the network classifies pixels, which pools none
     */
    public void embeddings(int count, float[] target, int at) {
        Objects.requireNonNull(target, "target");
        try (DeviceUse _ = use.begin()) {
            copy(memory.classifier("embeddings").pooled(), 1, count, target, at);
        }
    }

    /**
     * {@return the class activation maps [H·W, classes] of one image of the last pass}
     *
     * @param image its number in the last pass, from 0
     * @throws IllegalArgumentException when the network classifies pixels
     */
    public float[] classMaps(int image) {
        try (DeviceUse _ = use.begin()) {
            memory.classifier("class activation maps");
            checkLooked(image, 1);
            Matrix maps = classifierStage().classMaps(image);
            float[] values = new float[maps.rows() * maps.columns()];
            arena.download(maps, values, 0);
            return values;
        }
    }

    private ClassifierStage classifierStage() {
        return stages.stream()
                .filter(ClassifierStage.class::isInstance)
                .map(ClassifierStage.class::cast)
                .toList()
                .getLast();
    }

    private void copy(Matrix results, int rowsPerImage, int count, float[] target, int at) {
        checkLooked(0, count);
        int rows = Math.multiplyExact(count, rowsPerImage);
        checkRoom("target", target, at, (long) rows * results.columns());
        arena.download(results.rows(0, rows), target, at);
    }

    /** Results beyond the last pass would be those of an earlier one, or nobody's. */
    private void checkLooked(int first, int count) {
        if (first < 0 || count < 1) {
            throw new IllegalArgumentException(
                    "image " + first + ", count = " + count + ": use 0 or more, and 1 or more");
        }
        if ((long) first + count > looked) {
            throw new IllegalStateException(
                    looked == 0
                            ? "there are no results yet; call forward() before"
                            : "the last pass had " + looked + " images, not " + (first + count));
        }
    }

    private static void checkRoom(String what, float[] array, long at, long floats) {
        Objects.requireNonNull(array, what);
        if (at < 0 || at + floats > array.length) {
            throw new IllegalArgumentException(
                    what
                            + ": "
                            + floats
                            + " floats from "
                            + at
                            + " on, the array has "
                            + array.length);
        }
    }

    @Override
    public void close() {
        use.end(arena::close);
    }
}
