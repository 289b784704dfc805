package org.densenet4j.bench;

import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.CpuIsa;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.Matrix;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;

/**
 * One lane's convolutions of few input channels, in milliseconds for a chunk of images. Without
 * machine code ({@code isa = none}) they are oneDNN's.
 */
@State(Scope.Benchmark)
@Fork(
        value = 1,
        jvmArgsAppend = {
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED"
        })
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 5, time = 1)
public class StemBenchmark {
    /** Images, side, input and output channels, kernel, stride and padding. */
    @Param({"8 224 3 64 7 2 3", "8 32 3 24 3 1 1", "2 224 3 48 3 1 1", "8 224 3 64 3 2 1"})
    public String stem;

    /** How images are stored. */
    @Param({"fp32", "bf16"})
    public String precision;

    /** What machine code is made of. */
    @Param({"best", "none"})
    public String isa;

    private Device device;
    private Convolution convolution;
    private long next;
    private Matrix source;
    private Matrix output;
    private Matrix packed;
    private Matrix part;
    private Matrix sum;

    /** For JMH. */
    public StemBenchmark() {}

    /** Allocates and fills with random numbers. */
    @Setup
    public void open() {
        DataType type = DataType.of(precision);
        device =
                Device.open(
                        "cpu",
                        DeviceOptions.defaults()
                                .withThreads(1)
                                .withPrecision(type)
                                .withWinograd(false)
                                .withIsa(CpuIsa.named(isa)));
        ConvolutionShape shape = shape(type);
        ConvolutionMemory memory = device.memory(shape);
        int outputRows = shape.images() * shape.outputHeight() * shape.outputWidth();
        source =
                place(shape.images() * shape.height() * shape.width(), shape.inputChannels(), type);
        output = place(outputRows, shape.outputChannels(), type);
        Matrix weights = place(1, shape.weights(), DataType.FLOAT32);
        packed = place(1, (int) (memory.packedWeights() / 4 + 1), DataType.FLOAT32);
        part = place(1, (int) (memory.packedGradient() / 4), DataType.FLOAT32);
        sum = place(1, (int) (memory.packedGradient() / 4), DataType.FLOAT32);
        DeviceArena arena = device.allocate(next + memory.scratch(), next, memory.scratch());
        fill(arena, source);
        fill(arena, output);
        fill(arena, weights);
        convolution = arena.convolution(shape);
        convolution.packForward(0, weights, packed);
    }

    private ConvolutionShape shape(DataType type) {
        String[] n = stem.split(" ");
        int side = Integer.parseInt(n[1]);
        return new ConvolutionShape(
                Integer.parseInt(n[0]),
                side,
                side,
                Integer.parseInt(n[2]),
                Integer.parseInt(n[3]),
                Integer.parseInt(n[4]),
                Integer.parseInt(n[5]),
                Integer.parseInt(n[6]),
                type);
    }

    private Matrix place(int rows, int columns, DataType type) {
        Matrix m = new Matrix(next, rows, columns, columns, type);
        next = (next + m.bytes() + 4095) / 4096 * 4096;
        return m;
    }

    private static void fill(DeviceArena arena, Matrix m) {
        SplittableRandom random = new SplittableRandom(1);
        float[] values = new float[m.rows() * m.columns()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        arena.upload(values, 0, m);
    }

    /** Frees everything. */
    @TearDown
    public void close() {
        device.close();
    }

    /** The convolution of all images. */
    @Benchmark
    public void forward() {
        convolution.forward(0, convolution.shape().images(), source, packed, output);
    }

    /** The gradient of its weights. */
    @Benchmark
    public void backwardWeights() {
        convolution.backwardWeights(0, convolution.shape().images(), source, output, part, sum);
    }
}
