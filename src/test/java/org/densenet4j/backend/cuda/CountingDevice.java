package org.densenet4j.backend.cuda;

import org.densenet4j.backend.ChunkTask;
import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionMemory;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceTimer;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.TracedCall;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * A GPU of which nothing is there but its launches: they are counted and not carried out, so that a
 * step of any size takes a moment. What is downloaded is 0.
 */
public final class CountingDevice implements Device {
    private static final int BLOCKS = 6 * 132;
    private static final long L2_BYTES = 50L << 20;
    private static final long LIBRARY_WORKSPACE = 32L << 20;

    private final TimedCalls trace = new TimedCalls(new NoTime(), 1024, false);
    private final List<Consumer<Traffic>> listeners = new ArrayList<>();
    private final long cacheBytes;

    public CountingDevice(double chunkFactor) {
        cacheBytes = (long) (L2_BYTES * chunkFactor);
    }

    void listen(Consumer<Traffic> listener) {
        listeners.add(listener);
    }

    private void count(String name, Traffic traffic) {
        listeners.forEach(l -> l.accept(traffic));
        trace.call(name, traffic, () -> 0);
    }

    public List<TracedCall> takeTrace() {
        return trace.take();
    }

    @Override
    public String name() {
        return "counting";
    }

    @Override
    public String description() {
        return "counts launches";
    }

    @Override
    public int lanes() {
        return 1;
    }

    @Override
    public long cacheBytes() {
        return cacheBytes;
    }

    @Override
    public int leastChunks() {
        return 1;
    }

    @Override
    public boolean stagesInput() {
        return true;
    }

    @Override
    public DataType precision() {
        return DataType.FLOAT32;
    }

    @Override
    public boolean supports(DataType type) {
        return type == DataType.FLOAT32;
    }

    @Override
    public long availableBytes() {
        return 80L << 30;
    }

    @Override
    public long kernelScratchBytes() {
        return Tiling.REDUCTION_BYTES;
    }

    @Override
    public long scratchBytes(GemmShape shape) {
        return LIBRARY_WORKSPACE;
    }

    @Override
    public ConvolutionMemory memory(ConvolutionShape shape) {
        return new ConvolutionMemory(4L * shape.weights(), 4L * shape.weights(), LIBRARY_WORKSPACE);
    }

    @Override
    public DeviceArena allocate(long bytes, long scratchOffset, long scratchBytesPerLane) {
        return new CountingArena(bytes, scratchOffset);
    }

    @Override
    public DeviceTimer timer(int marks) {
        return new NoTime();
    }

    @Override
    public void forEachChunk(int chunks, ChunkTask task) {
        for (int chunk = 0; chunk < chunks; chunk++) {
            task.run(0, chunk);
        }
    }

    @Override
    public void close() {}

    private static final class NoTime implements DeviceTimer {
        @Override
        public void mark(int index) {}

        @Override
        public double seconds(int from, int to) {
            return 0;
        }

        @Override
        public void close() {}
    }

    private final class CountingArena implements DeviceArena {
        private final long bytes;
        private final CudaKernels kernels;
        private float[] staged;

        CountingArena(long bytes, long scratchOffset) {
            this.bytes = bytes;
            this.kernels =
                    new CudaKernels(
                            (kernel, grid, traffic, arguments) -> count(kernel, traffic),
                            0,
                            scratchOffset,
                            BLOCKS);
        }

        @Override
        public long bytes() {
            return bytes;
        }

        @Override
        public Kernels kernels() {
            return kernels;
        }

        @Override
        public void multiply(int lane, GemmShape shape, Matrix a, Matrix b, Matrix c) {
            count("cuBLAS gemm", Traffic.of(shape, a, b, c));
        }

        @Override
        public Convolution convolution(ConvolutionShape shape) {
            return new CountingConvolution(shape, kernels);
        }

        @Override
        public void upload(float[] source, int from, Matrix target) {
            if (source == staged && from == 0) {
                staged = null;
                count("memcpy DtoD", Traffic.reading(target).writing(target));
            } else {
                count("memcpy HtoD", Traffic.filling(target));
            }
        }

        @Override
        public void stage(float[] source, int count, Matrix staging) {
            staged = source;
        }

        @Override
        public void replay(Object key, Runnable work) {
            work.run();
        }

        @Override
        public void uploadInts(int[] source, int count, long offset) {
            count("memcpy HtoD", Traffic.filling(Matrix.vector(offset, count)));
        }

        @Override
        public void download(Matrix source, float[] target, int from) {
            count("memcpy DtoH", Traffic.reading(source));
        }

        @Override
        public void close() {}
    }

    private final class CountingConvolution implements Convolution {
        private final ConvolutionShape shape;
        private final CudaKernels kernels;

        CountingConvolution(ConvolutionShape shape, CudaKernels kernels) {
            this.shape = shape;
            this.kernels = kernels;
        }

        private int taps() {
            return shape.kernel() * shape.kernel();
        }

        @Override
        public ConvolutionShape shape() {
            return shape;
        }

        @Override
        public void packForward(int lane, int part, Matrix weights, Matrix packed) {
            kernels.packWeights(
                    weights, shape.outputChannels(), shape.inputChannels(), taps(), packed);
        }

        @Override
        public void packBackward(int lane, int part, Matrix weights, Matrix packed) {
            packForward(lane, part, weights, packed);
        }

        private Matrix weights(Matrix packed) {
            return Matrix.vector(packed.offset(), shape.weights());
        }

        @Override
        public void forward(int lane, int images, Matrix source, Matrix packed, Matrix output) {
            count(
                    "cuDNN forward",
                    Traffic.reading(source, weights(packed))
                            .writing(output)
                            .computing(shape.flops(images)));
        }

        @Override
        public void backwardData(
                int lane, int images, Matrix outputGradient, Matrix packed, Matrix sourceGradient) {
            count(
                    "cuDNN backward data",
                    Traffic.reading(outputGradient, weights(packed))
                            .writing(sourceGradient)
                            .computing(shape.flops(images)));
        }

        @Override
        public void backwardWeights(
                int lane,
                int images,
                Matrix source,
                Matrix outputGradient,
                Matrix ofChunk,
                Matrix sum) {
            count(
                    "cuDNN backward filter",
                    Traffic.reading(source, outputGradient)
                            .updating(weights(sum))
                            .computing(shape.flops(images)));
        }

        @Override
        public void reduceWeightGradient(int lane, int part, Matrix sums, Matrix gradient) {
            kernels.addUnpackedGradient(
                    sums, shape.outputChannels(), shape.inputChannels(), taps(), gradient);
        }
    }
}
