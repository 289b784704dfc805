package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import jcuda.driver.JCudaDriver;

import org.densenet4j.backend.AppendedConvolution;
import org.densenet4j.backend.Convolution;
import org.densenet4j.backend.ConvolutionShape;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.DeviceMemoryException;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.backend.GemmShape;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.PointwiseConvolution;
import org.densenet4j.backend.PointwiseShape;
import org.densenet4j.distributed.Communicator;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * One block of device memory and all that works on it. Operations are queued on the device's stream
 * and return at once; only {@link #download} waits.
 */
final class CudaArena implements DeviceArena {
    private final CudaDevice device;
    private final CudaContext context;
    private final DevicePointer base = new DevicePointer();
    private final long bytes;
    private final long scratchOffset;
    private final long scratchBytes;
    private final SmallOperations small;
    private final CudaKernels kernels;
    private final ProductKernels products;
    private final Map<DataType, Gemm> gemms = new EnumMap<>(DataType.class);
    private final Transfers transfers;
    private final StepGraphs graphs;
    private final Map<ConvolutionShape, Convolution> convolutions = new HashMap<>();
    private final List<CudaConvolution> opened = new ArrayList<>();
    private InputStage inputStage;
    private boolean closed;

    CudaArena(CudaDevice device, long bytes, long scratchOffset, long scratchBytes) {
        this.device = device;
        this.context = device.context();
        this.bytes = bytes;
        this.scratchOffset = scratchOffset;
        this.scratchBytes = scratchBytes;
        context.enter();
        int status = JCudaDriver.cuMemAlloc(base, bytes);
        if (status == DriverError.OUT_OF_MEMORY.code()) {
            throw new DeviceMemoryException(device.name(), bytes, device.availableBytes(), null);
        }
        checkDriver(status, "allocating " + bytes + " bytes");
        try {
            checkDriver(
                    context.call(
                            "memset",
                            Traffic.filling(lines(bytes)),
                            () ->
                                    JCudaDriver.cuMemsetD8Async(
                                            base, (byte) 0, bytes, context.stream())),
                    "clearing the arena");
            context.queued("clearing the arena");
            this.transfers = new Transfers(context, base, bytes);
        } catch (RuntimeException e) {
            JCudaDriver.cuMemFree(base);
            throw e;
        }
        KernelLauncher launcher = launcher(device.kernels());
        long address = base.address();
        DeviceOptions options = device.options();
        this.small =
                new SmallOperations(device.kernels(), context.gathered(), !options.synchronous());
        this.kernels =
                new CudaKernels(launcher, small, address, scratchOffset, device.blocksThatFill());
        this.products =
                new ProductKernels(
                        launcher,
                        address,
                        scratchOffset,
                        scratchBytes,
                        context.attributes().multiprocessors(),
                        device.multipliesTensorFloat32());
        for (DataType operands : DataType.values()) {
            gemms.put(
                    operands,
                    device.cublas(operands)
                            .<Gemm>map(
                                    cublas ->
                                            new CublasGemm(
                                                    cublas,
                                                    context,
                                                    address,
                                                    scratchOffset,
                                                    scratchBytes))
                            .orElseGet(() -> new KernelGemm(products)));
        }
        // An operation can be neither waited for nor timed while it is only recorded.
        boolean recorded = options.graphs() && !options.synchronous() && !options.trace();
        this.graphs = new StepGraphs(context, recorded);
    }

    private KernelLauncher launcher(KernelModule module) {
        return (kernel, grid, traffic, arguments) -> {
            checkOpen();
            module.launch(kernel, grid, traffic, arguments);
        };
    }

    /** So many bytes as a matrix, in lines of 4 kB: a vector of floats ends at 8 GiB. */
    private static Matrix lines(long bytes) {
        return Matrix.dense(0, Math.toIntExact(Math.ceilDiv(bytes, 4096)), 1024);
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the arena is closed");
        }
        context.enter();
    }

    private void checkInside(long offset, long length) {
        checkOpen();
        if (offset < 0 || offset + length > bytes) {
            throw new IndexOutOfBoundsException(
                    "bytes " + offset + " to " + (offset + length) + " of an arena of " + bytes);
        }
    }

    private void checkInside(Matrix m) {
        checkInside(m.offset(), m.at(m.rows() - 1, m.columns()) - m.offset());
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
        checkOpen();
        gemms.get(shape.operands()).multiply(shape, a, b, c);
    }

    @Override
    public Convolution convolution(ConvolutionShape shape) {
        checkOpen();
        return convolutions.computeIfAbsent(shape, this::newConvolution);
    }

    @Override
    public PointwiseConvolution pointwise(PointwiseShape shape) {
        checkOpen();
        FusedLayers fused = device.fused();
        return fused.pointwise(shape)
                .<PointwiseConvolution>map(
                        parts ->
                                new FusedPointwise(
                                        launcher(device.kernels(parts.program())),
                                        small,
                                        kernels,
                                        products,
                                        fused,
                                        parts,
                                        shape))
                .orElseGet(() -> DeviceArena.super.pointwise(shape));
    }

    @Override
    public AppendedConvolution appended(ConvolutionShape shape) {
        checkOpen();
        FusedLayers fused = device.fused();
        return fused.appended(shape)
                .<AppendedConvolution>map(
                        parts ->
                                new FusedAppendedConvolution(
                                        launcher(device.kernels(parts.program())),
                                        small,
                                        kernels,
                                        products,
                                        fused,
                                        parts,
                                        shape))
                .orElseGet(() -> DeviceArena.super.appended(shape));
    }

    private Convolution newConvolution(ConvolutionShape shape) {
        KernelConvolution own = new KernelConvolution(products, kernels, shape);
        if (device.convolvesByOwnKernel(shape.type())) {
            return own;
        }
        CudaConvolution convolution =
                new CudaConvolution(
                        device.cudnn(),
                        own,
                        base,
                        scratchOffset,
                        scratchBytes,
                        device.options().deterministic());
        opened.add(convolution);
        return convolution;
    }

    @Override
    public void upload(float[] source, int from, Matrix target) {
        checkInside(target);
        int count = target.rows() * target.columns();
        if (inputStage != null && from == 0 && inputStage.holds(source, count, target.type())) {
            inputStage.take(target);
        } else {
            transfers.upload(source, from, target);
        }
    }

    @Override
    public void stage(float[] source, int count, Matrix staging) {
        checkInside(staging);
        if (staging.bytes() > PinnedMemory.MOST_BYTES) {
            return;
        }
        if (inputStage == null) {
            inputStage = new InputStage(context, base, staging);
        }
        inputStage.stage(source, count);
    }

    @Override
    public void uploadInts(int[] source, int count, long offset) {
        checkInside(offset, 4L * count);
        transfers.uploadInts(source, count, offset);
    }

    @Override
    public void download(Matrix source, float[] target, int from) {
        checkInside(source);
        transfers.download(source, target, from);
    }

    @Override
    public void replay(Object key, Runnable work) {
        checkOpen();
        graphs.replay(key, work, device.rankSums().orElse(null));
    }

    @Override
    public boolean sumsBesideWork() {
        return true;
    }

    @Override
    public void allReduce(Matrix vector, Communicator communicator) {
        startAllReduce(List.of(vector), communicator);
        awaitAllReduce();
    }

    @Override
    public void startAllReduce(List<Matrix> parts, Communicator communicator) {
        List<FloatRange> ranges = new ArrayList<>();
        for (Matrix part : parts) {
            checkInside(part);
            ranges.add(new FloatRange(base.address() + part.offset(), part.bytes() / Float.BYTES));
        }
        joined().start(ranges, communicator);
    }

    @Override
    public void awaitAllReduce() {
        checkOpen();
        joined().await();
    }

    private RankSums joined() {
        return device.rankSums()
                .orElseThrow(
                        () ->
                                new IllegalStateException(
                                        "the device has not joined other ranks; call"
                                                + " Device.join(communicator) first"));
    }

    @Override
    public String recording() {
        return graphs.state();
    }

    /** Frees all recordings; steps run plainly, and are recorded, once more. */
    void forgetRecordings() {
        if (!closed) {
            graphs.close();
        }
    }

    boolean isClosed() {
        return closed;
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        Teardown teardown = new Teardown();
        teardown.step(small::close);
        teardown.step(context::synchronize);
        teardown.close(graphs);
        if (inputStage != null) {
            teardown.close(inputStage);
        }
        opened.forEach(teardown::close);
        teardown.close(transfers);
        teardown.driver(JCudaDriver.cuMemFree(base), "freeing the arena");
        teardown.finish();
    }
}
