package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

import org.jspecify.annotations.Nullable;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntSupplier;

/**
 * A device's primary context, which cuDNN and cuBLAS use too, with one stream for all work and one
 * for copies of the next batch.
 *
 * <p>Every thread has one current context, and a call goes to that one, whichever device its
 * operands belong to; {@link #enter} makes this one current for the caller and costs nothing while
 * it is. The context that a thread entered last is remembered for the thread, not here: two devices
 * may be used in turn by one thread, and one device by several.
 */
final class CudaContext implements AutoCloseable {
    private static final ThreadLocal<CudaContext> CURRENT = new ThreadLocal<>();

    /** Short beside a step, and long beside a question to the driver. */
    private static final long WATCH_NANOS = 20_000;

    private final boolean synchronous;
    private final CUdevice device = new CUdevice();
    private final DeviceAttributes attributes;
    private final CUcontext context = new CUcontext();
    private final DeviceStream stream = new DeviceStream();
    private final DeviceStream copyStream = new DeviceStream();
    private final GatheredLaunch gathered = new GatheredLaunch();
    private @Nullable Runnable watch;
    private CallTrace trace = CallTrace.OFF;
    private CallTrace copyTrace = CallTrace.OFF;
    private boolean closed;

    /**
     * @param index which device, from 0
     * @param synchronous whether {@link #queued} waits
     */
    CudaContext(int index, boolean synchronous) {
        this.synchronous = synchronous;
        checkDriver(JCudaDriver.cuInit(0), "starting the driver");
        checkDriver(JCudaDriver.cuDeviceGet(device, index), "opening CUDA device " + index);
        this.attributes = DeviceAttributes.of(device);
        checkDriver(
                JCudaDriver.cuDevicePrimaryCtxRetain(context, device),
                "making a context on CUDA device " + index);
        Deque<AutoCloseable> opened = new ArrayDeque<>();
        opened.push(this::release);
        try {
            enter();
            int flags = CUstream_flags.CU_STREAM_NON_BLOCKING;
            checkDriver(JCudaDriver.cuStreamCreate(stream, flags), "making a stream");
            opened.push(() -> free(stream));
            checkDriver(JCudaDriver.cuStreamCreate(copyStream, flags), "making a stream");
        } catch (RuntimeException e) {
            throw Teardown.undo(opened, e);
        }
    }

    private static void free(CUstream stream) {
        checkDriver(JCudaDriver.cuStreamDestroy(stream), "freeing a stream");
    }

    /** Makes this context the caller's. */
    void enter() {
        if (closed) {
            throw new IllegalStateException("the device is closed");
        }
        if (CURRENT.get() != this) {
            checkDriver(JCudaDriver.cuCtxSetCurrent(context), "entering the context");
            CURRENT.set(this);
        }
    }

    /** The stream of work, for a call that queues something there. */
    DeviceStream stream() {
        gathered.launch();
        return stream;
    }

    /** The small operations that wait for the next call on the stream of work. */
    GatheredLaunch gathered() {
        return gathered;
    }

    CUstream copyStream() {
        return copyStream;
    }

    /**
     * Traces what {@link #call} and {@link #copy} make from now on; with {@link CallTrace#OFF} no
     * more.
     */
    void trace(CallTrace ofWork, CallTrace ofCopies) {
        trace = ofWork;
        copyTrace = ofCopies;
    }

    /** A call that queues work on {@link #stream}; see {@link CallTrace#call}. */
    int call(String name, Traffic traffic, IntSupplier call) {
        gathered.launch();
        return trace.call(name, traffic, call);
    }

    /** A call that queues work on {@link #copyStream}; see {@link CallTrace#call}. */
    int copy(String name, Traffic traffic, IntSupplier call) {
        return copyTrace.call(name, traffic, call);
    }

    /** Whether each operation is waited for. */
    boolean isSynchronous() {
        return synchronous;
    }

    /**
     * Told after an operation was queued on the stream of work. Waits for it where the device is
     * synchronous, so that what goes wrong on the device is reported with the operation's name and
     * not at the next copy.
     */
    void queued(Object operation) {
        if (synchronous) {
            checkDriver(JCudaDriver.cuStreamSynchronize(stream), operation);
        }
    }

    /**
     * Told after an operation was queued on the stream of copies; waits as {@link #queued} does.
     */
    void copied(Object operation) {
        if (synchronous) {
            checkDriver(JCudaDriver.cuStreamSynchronize(copyStream), operation);
        }
    }

    /** Whether operations are being recorded and not run. */
    boolean isCapturing() {
        int[] capturing = new int[1];
        return JCudaDriver.cuStreamIsCapturing(stream, capturing) != 0 || capturing[0] != 0;
    }

    /** Whether the device has met an error that it does not recover from. Waits for its work. */
    boolean isLost() {
        return !isCapturing() && JCudaDriver.cuStreamSynchronize(stream) != 0;
    }

    DeviceAttributes attributes() {
        return attributes;
    }

    String deviceName() {
        byte[] name = new byte[256];
        checkDriver(JCudaDriver.cuDeviceGetName(name, name.length, device), "asking for a name");
        int length = 0;
        while (length < name.length && name[length] != 0) {
            length++;
        }
        return new String(name, 0, length, StandardCharsets.UTF_8);
    }

    /**
     * Has something looked after again and again while {@link #synchronize} waits, which ends the
     * wait by an exception; null for nothing.
     */
    void watch(@Nullable Runnable check) {
        watch = check;
    }

    /** Waits for everything queued on the stream of work. */
    void synchronize() {
        enter();
        gathered.launch();
        while (watch != null
                && JCudaDriver.cuStreamQuery(stream) == CUresult.CUDA_ERROR_NOT_READY) {
            watch.run();
            LockSupport.parkNanos(WATCH_NANOS);
        }
        checkDriver(JCudaDriver.cuStreamSynchronize(stream), "waiting for the device");
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        Teardown teardown = new Teardown();
        teardown.step(this::synchronize);
        teardown.step(() -> free(copyStream));
        teardown.step(() -> free(stream));
        teardown.step(this::release);
        teardown.finish();
    }

    /** The last one to release a primary context frees it with all that it has. */
    private void release() {
        closed = true;
        CURRENT.remove();
        checkDriver(JCudaDriver.cuDevicePrimaryCtxRelease(device), "freeing the context");
    }
}
