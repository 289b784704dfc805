package org.densenet4j.backend.cuda;

import static org.densenet4j.backend.cuda.CudaStatus.checkDriver;

import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;

import java.util.HashMap;
import java.util.Map;

/** The kernels of {@code cuda-kernels/}, loaded into a context, launched on its stream. */
final class KernelModule implements KernelLauncher, AutoCloseable {
    private static final int UNASKED_SHARED_BYTES = 48 << 10;

    private final CudaContext context;
    private final CUmodule module = new CUmodule();
    private final Map<String, CUfunction> functions = new HashMap<>();

    /** Dynamic shared memory that each function's blocks have been allowed. */
    private final Map<String, Integer> allowed = new HashMap<>();

    private boolean closed;

    /**
     * @param ptx the kernels as PTX, which the driver compiles for its device and caches on disk
     */
    KernelModule(CudaContext context, String ptx) {
        this.context = context;
        context.enter();
        checkDriver(JCudaDriver.cuModuleLoadData(module, ptx), "loading the kernels");
    }

    private CUfunction function(String kernel) {
        return functions.computeIfAbsent(
                kernel,
                name -> {
                    CUfunction function = new CUfunction();
                    checkDriver(
                            JCudaDriver.cuModuleGetFunction(function, module, name),
                            "finding the kernel " + name);
                    return function;
                });
    }

    /** Blocks have up to 48 KiB of dynamic shared memory unless more is asked for. */
    private void allowShared(CUfunction function, String kernel, int bytes) {
        if (bytes > UNASKED_SHARED_BYTES && bytes > allowed.getOrDefault(kernel, 0)) {
            checkDriver(
                    JCudaDriver.cuFuncSetAttribute(
                            function,
                            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                            bytes),
                    "allowing the kernel " + kernel + " " + bytes + " bytes of shared memory");
            allowed.put(kernel, bytes);
        }
    }

    @Override
    public void launch(String kernel, Grid grid, Traffic traffic, Object... arguments) {
        context.enter();
        NativePointerObject[] pointers = new NativePointerObject[arguments.length];
        for (int i = 0; i < arguments.length; i++) {
            pointers[i] =
                    switch (arguments[i]) {
                        case Long v -> Pointer.to(new long[] {v});
                        case Integer v -> Pointer.to(new int[] {v});
                        case Float v -> Pointer.to(new float[] {v});
                        case SmallOperationList v -> Pointer.to(v.words());
                        default -> throw new AssertionError(kernel + ": " + arguments[i]);
                    };
        }
        CUfunction function = function(kernel);
        allowShared(function, kernel, grid.sharedBytes());
        Pointer parameters = Pointer.to(pointers);
        int status =
                context.call(
                        kernel,
                        traffic,
                        () ->
                                JCudaDriver.cuLaunchKernel(
                                        function,
                                        grid.blocksX(),
                                        grid.blocksY(),
                                        1,
                                        grid.threadsX(),
                                        grid.threadsY(),
                                        1,
                                        grid.sharedBytes(),
                                        context.stream(),
                                        parameters,
                                        null));
        if (status != 0 || context.isSynchronous()) {
            String operation = "kernel " + described(kernel, arguments) + " on " + grid;
            checkDriver(status, operation);
            context.queued(operation);
        }
    }

    /** What a launch runs, so that a failing one says which operations it had. */
    private static String described(String kernel, Object... arguments) {
        return arguments[0] instanceof SmallOperationList list
                ? kernel + " (" + list + ")"
                : kernel;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            context.enter();
            checkDriver(JCudaDriver.cuModuleUnload(module), "freeing the kernels");
        }
    }
}
