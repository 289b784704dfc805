package org.densenet4j.bench;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Matrix;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

import java.util.SplittableRandom;

/**
 * One lane's work on a cache-sized chunk of DenseNet-BC-100-12: fused passes in GB/s (bytes read
 * and written, counted once), products and convolutions in GFLOP/s.
 */
@State(Scope.Benchmark)
@Fork(
        value = 1,
        jvmArgsAppend = {
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED"
        })
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class KernelBenchmark {
    private static final int ROWS = 2048;
    private static final int PREFIX = 120;
    private static final int TOTAL = 216;
    private static final int WIDTH = 48;
    private static final ConvolutionShape SHAPE =
            new ConvolutionShape(2, 32, 32, WIDTH, 12, 3, 1, 1);

    private Device device;
    private DeviceArena arena;
    private Convolution convolution;
    private long next;
    private Matrix features;
    private Matrix gradients;
    private Matrix dense;
    private Matrix z;
    private Matrix y;
    private Matrix weights;
    private Matrix perChannel;
    private Matrix partial;
    private Matrix packedForward;
    private Matrix packedBackward;
    private Matrix part;
    private Matrix sum;

    /** Throughput in units of 10^9 per second; JMH divides by the time. */
    @AuxCounters
    @State(Scope.Thread)
    public static class Rate {
        /** 10^9 floating-point operations. */
        public double gflop;

        /** 10^9 bytes. */
        public double gbyte;

        /** For JMH. */
        public Rate() {}

        /** Starts an iteration. */
        @Setup(Level.Iteration)
        public void reset() {
            gflop = 0;
            gbyte = 0;
        }
    }

    /** For JMH. */
    public KernelBenchmark() {}

    /** Allocates and fills with random numbers. */
    @Setup
    public void open() {
        device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
        ConvolutionMemory memory = device.memory(SHAPE);
        features = place(ROWS, TOTAL).prefix(PREFIX);
        gradients = place(ROWS, TOTAL).prefix(PREFIX);
        dense = place(ROWS, PREFIX);
        z = place(ROWS, WIDTH);
        y = place(ROWS, 12);
        weights = place(1, Math.max(WIDTH * PREFIX, SHAPE.weights()));
        perChannel = place(3, PREFIX);
        partial = place(2, PREFIX);
        packedForward = place(1, (int) (memory.packedWeights() / 4 + 1));
        packedBackward = place(1, (int) (memory.packedWeights() / 4 + 1));
        part = place(1, (int) (memory.packedGradient() / 4));
        sum = place(1, (int) (memory.packedGradient() / 4));
        long scratch =
                Math.max(
                        memory.scratch(),
                        Math.max(
                                device.scratchBytes(forwardProduct()),
                                device.scratchBytes(weightProduct())));
        arena = device.allocate(next + scratch, next, scratch);
        SplittableRandom random = new SplittableRandom(1);
        float[] values = new float[(int) (next / 4)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        arena.upload(values, 0, Matrix.vector(0, values.length));
        convolution = arena.convolution(SHAPE);
        Matrix w = weights.columns(0, SHAPE.weights());
        convolution.packForward(0, w, packedForward);
        convolution.packBackward(0, w, packedBackward);
    }

    private Matrix place(int rows, int columns) {
        Matrix m = Matrix.dense(next, rows, columns);
        next = (next + m.bytes() + 4095) / 4096 * 4096;
        return m;
    }

    private Matrix weight1() {
        return weights.reshaped(WIDTH, PREFIX);
    }

    private GemmShape forwardProduct() {
        return GemmShape.of(features, false, weight1(), true, z, false);
    }

    private GemmShape weightProduct() {
        return GemmShape.of(z, true, dense, false, weight1(), true);
    }

    /** Frees everything. */
    @TearDown
    public void close() {
        device.close();
    }

    private static void bytes(Rate rate, long floats) {
        rate.gbyte += 4e-9 * floats;
    }

    /** Reads the prefix, writes the scratch. */
    @Benchmark
    public void normaliseRelu(Rate rate) {
        arena.kernels().normaliseRelu(features, perChannel, dense);
        bytes(rate, 2L * ROWS * PREFIX);
    }

    /** Reads the prefix. */
    @Benchmark
    public void channelStatistics(Rate rate) {
        arena.kernels().channelStatistics(features, partial);
        bytes(rate, (long) ROWS * PREFIX);
    }

    /** Reads three matrices, writes one. */
    @Benchmark
    public void accumulateGradient(Rate rate) {
        arena.kernels()
                .accumulateGradient(
                        dense,
                        features,
                        perChannel,
                        perChannel,
                        perChannel.row(0),
                        true,
                        gradients,
                        partial);
        bytes(rate, 4L * ROWS * PREFIX);
    }

    /** Prefix of a feature matrix times the 1x1 weights. */
    @Benchmark
    public void prefixProduct(Rate rate) {
        arena.multiply(0, forwardProduct(), features, weight1(), z);
        rate.gflop += 1e-9 * forwardProduct().flops();
    }

    /** Gradient of the 1x1 weights. */
    @Benchmark
    public void weightGradientProduct(Rate rate) {
        arena.multiply(0, weightProduct(), z, dense, weight1());
        rate.gflop += 1e-9 * weightProduct().flops();
    }

    /** 3x3 convolution. */
    @Benchmark
    public void convolutionForward(Rate rate) {
        convolution.forward(0, SHAPE.images(), z, packedForward, y);
        rate.gflop += 1e-9 * SHAPE.flops(SHAPE.images());
    }

    /** Gradient of its input. */
    @Benchmark
    public void convolutionBackwardData(Rate rate) {
        convolution.backwardData(0, SHAPE.images(), y, packedBackward, z);
        rate.gflop += 1e-9 * SHAPE.flops(SHAPE.images());
    }

    /** Gradient of its weights. */
    @Benchmark
    public void convolutionBackwardWeights(Rate rate) {
        convolution.backwardWeights(0, SHAPE.images(), z, y, part, sum);
        rate.gflop += 1e-9 * SHAPE.flops(SHAPE.images());
    }
}
