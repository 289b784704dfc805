package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.bytedeco.javacpp.Loader;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.library.LibraryFile;

import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.net.URL;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/**
 * oneDNN's C interface through the foreign-function API: the library itself comes from
 * org.bytedeco:dnnl, unpacked once into JavaCPP's cache. Every status is checked here.
 *
 * <p>All primitives run single-threaded: the engine's lanes are the only threads, and each works on
 * a chunk that fits its cache.
 */
final class OneDnn {
    static final int ARG_SRC = 1;
    static final int ARG_DST = 17;
    static final int ARG_WEIGHTS = 33;
    static final int ARG_SCRATCHPAD = 80;
    static final int ARG_DIFF_SRC = 129;
    static final int ARG_DIFF_DST = 145;
    static final int ARG_DIFF_WEIGHTS = 161;

    private static final int SUCCESS = 0;
    private static final int ENGINE_CPU = 1;
    private static final int STREAM_DEFAULT = 1;
    private static final int BF16 = 2;
    private static final int F32 = 3;
    private static final int ISA_AVX2 = 0x07;
    private static final int ISA_AVX512 = 0x27;
    private static final int ISA_AVX512_BF16 = 0xE7;
    private static final int TAG_ANY = 1;
    private static final int QUERY_SCRATCHPAD = 136;
    private static final int QUERY_WEIGHTS = 131;
    private static final int QUERY_DIFF_WEIGHTS = 132;
    private static final int FORWARD_TRAINING = 64;
    private static final int CONVOLUTION_DIRECT = 1;
    private static final int SCRATCHPAD_USER = 1;

    private static final String[] STATUS = {
        "success",
        "out of memory",
        "invalid arguments",
        "not implemented",
        "last implementation reached",
        "runtime error",
        "primitive not required",
        "invalid graph",
        "invalid graph operation",
        "invalid shape",
        "invalid data type"
    };

    private static OneDnn instance;

    private final MethodHandle memoryDescWithStrides;
    private final MethodHandle memoryDescWithTag;
    private final MethodHandle memoryDescSize;
    private final MethodHandle memoryDescClone;
    private final MethodHandle memoryDescDestroy;
    private final MethodHandle memoryCreate;
    private final MethodHandle memorySetHandle;
    private final MethodHandle memoryDestroy;
    private final MethodHandle attributesCreate;
    private final MethodHandle attributesScratchpad;
    private final MethodHandle attributesPostOps;
    private final MethodHandle attributesDestroy;
    private final MethodHandle postOpsCreate;
    private final MethodHandle postOpsSum;
    private final MethodHandle postOpsDestroy;
    private final MethodHandle matmul;
    private final MethodHandle reorder;
    private final MethodHandle convolutionForward;
    private final MethodHandle convolutionBackwardData;
    private final MethodHandle convolutionBackwardWeights;
    private final MethodHandle descriptionQuery;
    private final MethodHandle descriptionDestroy;
    private final MethodHandle primitiveCreate;
    private final MethodHandle primitiveExecute;
    private final MethodHandle primitiveDestroy;
    private final MethodHandle ompSetThreads;
    private final MemorySegment engine;
    private final MemorySegment stream;
    private final String version;
    private final int isa;

    /**
     * The library, loaded at the first call.
     *
     * @throws DeviceException when it cannot be loaded, with the reason
     */
    static synchronized OneDnn get() {
        if (instance == null) {
            instance = new OneDnn();
        }
        return instance;
    }

    private OneDnn() {
        Linker linker = Linker.nativeLinker();
        SymbolLookup openmp = openMp();
        SymbolLookup dnnl = library(dnnlFile());
        Binder b = new Binder(linker, dnnl);
        memoryDescWithStrides =
                b.status(
                        "dnnl_memory_desc_create_with_strides",
                        ADDRESS,
                        JAVA_INT,
                        ADDRESS,
                        JAVA_INT,
                        ADDRESS);
        memoryDescWithTag =
                b.status(
                        "dnnl_memory_desc_create_with_tag",
                        ADDRESS,
                        JAVA_INT,
                        ADDRESS,
                        JAVA_INT,
                        JAVA_INT);
        memoryDescSize =
                linker.downcallHandle(
                        b.symbol("dnnl_memory_desc_get_size"),
                        FunctionDescriptor.of(JAVA_LONG, ADDRESS));
        memoryDescClone = b.status("dnnl_memory_desc_clone", ADDRESS, ADDRESS);
        memoryDescDestroy = b.status("dnnl_memory_desc_destroy", ADDRESS);
        memoryCreate = b.status("dnnl_memory_create", ADDRESS, ADDRESS, ADDRESS, ADDRESS);
        memorySetHandle = b.status("dnnl_memory_set_data_handle", ADDRESS, ADDRESS);
        memoryDestroy = b.status("dnnl_memory_destroy", ADDRESS);
        attributesCreate = b.status("dnnl_primitive_attr_create", ADDRESS);
        attributesScratchpad =
                b.status("dnnl_primitive_attr_set_scratchpad_mode", ADDRESS, JAVA_INT);
        attributesPostOps = b.status("dnnl_primitive_attr_set_post_ops", ADDRESS, ADDRESS);
        attributesDestroy = b.status("dnnl_primitive_attr_destroy", ADDRESS);
        postOpsCreate = b.status("dnnl_post_ops_create", ADDRESS);
        postOpsSum =
                b.status(
                        "dnnl_post_ops_append_sum",
                        ADDRESS,
                        ValueLayout.JAVA_FLOAT,
                        JAVA_INT,
                        JAVA_INT);
        postOpsDestroy = b.status("dnnl_post_ops_destroy", ADDRESS);
        matmul =
                b.status(
                        "dnnl_matmul_primitive_desc_create",
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS);
        reorder =
                b.status(
                        "dnnl_reorder_primitive_desc_create",
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS);
        convolutionForward =
                b.status(
                        "dnnl_convolution_forward_primitive_desc_create",
                        ADDRESS,
                        ADDRESS,
                        JAVA_INT,
                        JAVA_INT,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS,
                        ADDRESS);
        MemoryLayout[] backward = {
            ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS,
            ADDRESS, ADDRESS, ADDRESS
        };
        convolutionBackwardData =
                b.status("dnnl_convolution_backward_data_primitive_desc_create", backward);
        MemoryLayout[] backwardWithBias = {
            ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS, ADDRESS,
            ADDRESS, ADDRESS, ADDRESS, ADDRESS
        };
        convolutionBackwardWeights =
                b.status(
                        "dnnl_convolution_backward_weights_primitive_desc_create",
                        backwardWithBias);
        descriptionQuery =
                linker.downcallHandle(
                        b.symbol("dnnl_primitive_desc_query_md"),
                        FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT, JAVA_INT));
        descriptionDestroy = b.status("dnnl_primitive_desc_destroy", ADDRESS);
        primitiveCreate = b.status("dnnl_primitive_create", ADDRESS, ADDRESS);
        primitiveExecute = b.status("dnnl_primitive_execute", ADDRESS, ADDRESS, JAVA_INT, ADDRESS);
        primitiveDestroy = b.status("dnnl_primitive_destroy", ADDRESS);
        ompSetThreads =
                linker.downcallHandle(
                        openmp.find("omp_set_num_threads").orElseThrow(),
                        FunctionDescriptor.ofVoid(JAVA_INT));
        MethodHandle engineCreate = b.status("dnnl_engine_create", ADDRESS, JAVA_INT, JAVA_LONG);
        MethodHandle streamCreate = b.status("dnnl_stream_create", ADDRESS, ADDRESS, JAVA_INT);
        keepFromTiles(b.status("dnnl_set_max_cpu_isa", JAVA_INT));
        MethodHandle versionQuery =
                linker.downcallHandle(b.symbol("dnnl_version"), FunctionDescriptor.of(ADDRESS));
        engine =
                created(
                        "oneDNN engine",
                        out -> (int) engineCreate.invokeExact(out, ENGINE_CPU, 0L));
        stream =
                created(
                        "oneDNN stream",
                        out -> (int) streamCreate.invokeExact(out, engine, STREAM_DEFAULT));
        version = readVersion(versionQuery);
        isa =
                readIsa(
                        linker.downcallHandle(
                                b.symbol("dnnl_get_effective_cpu_isa"),
                                FunctionDescriptor.of(JAVA_INT)));
    }

    /**
     * Lets oneDNN use instructions up to those on vectors of bfloat16 and no tiles (AMX), on which
     * its products of bfloat16 matrices come out as NaN: seen with version 3.13 on Emerald Rapids
     * in every product of the contract and in the first step of DenseNet-BC-100-12; up to vectors
     * the same products are right. It is a limit: other processors are not affected, and one that
     * {@code ONEDNN_MAX_CPU_ISA} sets stays.
     */
    private static void keepFromTiles(MethodHandle setMost) {
        if (System.getenv("ONEDNN_MAX_CPU_ISA") != null) {
            return;
        }
        try {
            int status = (int) setMost.invokeExact(ISA_AVX512_BF16);
            if (status != SUCCESS) {
                System.getLogger("org.densenet4j")
                        .log(
                                System.Logger.Level.DEBUG,
                                "oneDNN's instructions cannot be limited: status " + status);
            }
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static int readIsa(MethodHandle query) {
        try {
            return (int) query.invokeExact();
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /** The OpenMP runtime that oneDNN uses: bundled with it, on Windows part of the system. */
    private static SymbolLookup openMp() {
        String platform = Loader.getPlatform();
        if (platform.startsWith("windows")) {
            return SymbolLookup.libraryLookup("vcomp140.dll", Arena.global());
        }
        return library(platform.startsWith("macosx") ? "libomp.dylib" : "libgomp.so.1");
    }

    private static String dnnlFile() {
        String platform = Loader.getPlatform();
        if (platform.startsWith("windows")) {
            return "dnnl.dll";
        }
        return platform.startsWith("macosx") ? "libdnnl.3.dylib" : "libdnnl.so.3";
    }

    private static SymbolLookup library(String file) {
        String platform = Loader.getPlatform();
        String resource = "/org/bytedeco/dnnl/" + platform + "/" + file;
        URL packed =
                LibraryFile.find(resource)
                        .orElseThrow(
                                () ->
                                        new DeviceException(
                                                "oneDNN has no library "
                                                        + file
                                                        + " for "
                                                        + platform
                                                        + " on the class path or module path; add"
                                                        + " org.bytedeco:dnnl with that"
                                                        + " classifier"));
        try {
            File unpacked = Loader.cacheResource(packed);
            Path path = unpacked.toPath().toAbsolutePath();
            return SymbolLookup.libraryLookup(path, Arena.global());
        } catch (IOException | IllegalArgumentException e) {
            throw new DeviceException(
                    "cannot unpack or load "
                            + file
                            + " ("
                            + e.getMessage()
                            + "); set -Dorg.bytedeco.javacpp.cachedir to a writable folder with"
                            + " 100 MB free",
                    e);
        }
    }

    private static String readVersion(MethodHandle query) {
        try {
            MemorySegment v = ((MemorySegment) query.invokeExact()).reinterpret(12);
            return v.get(JAVA_INT, 0) + "." + v.get(JAVA_INT, 4) + "." + v.get(JAVA_INT, 8);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    /**
     * Whether products of a type run on vector instructions (bfloat16 natively, or on AVX-512 by
     * conversion) and not in reference code or not at all.
     */
    boolean multiplies(DataType type) {
        return type == DataType.FLOAT32 || hasAvx512();
    }

    /** Whether oneDNN uses AVX-512 with the extensions of server processors. */
    private boolean hasAvx512() {
        return (isa & ISA_AVX512) == ISA_AVX512;
    }

    /** The most of an instruction set that oneDNN is not kept from; empty below AVX2. */
    Optional<InstructionSet> limit(InstructionSet set) {
        return Arrays.stream(InstructionSet.values())
                .filter(s -> set.includes(s) && uses(s))
                .reduce((less, more) -> more);
    }

    /** Whether no limit is set that leaves out tiles (AMX). */
    boolean allowsTiles() {
        String most = System.getenv("ONEDNN_MAX_CPU_ISA");
        return most == null || most.contains("AMX") || most.equals("DEFAULT");
    }

    private boolean uses(InstructionSet set) {
        int bits =
                switch (set) {
                    case AVX2 -> ISA_AVX2;
                    case AVX512 -> ISA_AVX512;
                    case AVX512_BF16 -> ISA_AVX512_BF16;
                };
        return (isa & bits) == bits;
    }

    String version() {
        return version;
    }

    /** Keeps oneDNN calls of the current thread on the current thread. */
    void singleThreaded() {
        try {
            ompSetThreads.invokeExact(1);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    // ---------------------------------------------------------------- memory descriptors

    /** A dense-or-strided tensor. Lives until the process ends or {@link #destroyDesc}. */
    MemorySegment desc(DataType type, long[] dims, long[] strides) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment d = arena.allocateFrom(JAVA_LONG, dims);
            MemorySegment s = arena.allocateFrom(JAVA_LONG, strides);
            return created(
                    "tensor description",
                    out ->
                            (int)
                                    memoryDescWithStrides.invokeExact(
                                            out, dims.length, d, code(type), s));
        }
    }

    /** A tensor whose layout oneDNN may choose. */
    MemorySegment descAny(DataType type, long... dims) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment d = arena.allocateFrom(JAVA_LONG, dims);
            return created(
                    "tensor description",
                    out ->
                            (int)
                                    memoryDescWithTag.invokeExact(
                                            out, dims.length, d, code(type), TAG_ANY));
        }
    }

    private static int code(DataType type) {
        return switch (type) {
            case FLOAT32 -> F32;
            case BFLOAT16 -> BF16;
        };
    }

    long size(MemorySegment desc) {
        try {
            return (long) memoryDescSize.invokeExact(desc);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    MemorySegment cloneDesc(MemorySegment desc) {
        return created("tensor description", out -> (int) memoryDescClone.invokeExact(out, desc));
    }

    void destroyDesc(MemorySegment desc) {
        check("destroying a tensor description", () -> (int) memoryDescDestroy.invokeExact(desc));
    }

    MemorySegment memory(MemorySegment desc) {
        return created(
                "memory object",
                out -> (int) memoryCreate.invokeExact(out, desc, engine, MemorySegment.NULL));
    }

    void destroyMemory(MemorySegment memory) {
        check("destroying a memory object", () -> (int) memoryDestroy.invokeExact(memory));
    }

    /** Points a memory object at data. On the hot path, so without a lambda. */
    void setHandle(MemorySegment memory, MemorySegment address) {
        int status;
        try {
            status = (int) memorySetHandle.invokeExact(memory, address);
        } catch (IllegalStateException closed) {
            throw closed; // the arena of the address is closed: the caller's mistake
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
        if (status != SUCCESS) {
            throw failed("setting a memory address", status);
        }
    }

    // ---------------------------------------------------------------- operations

    /** {@code dst = src·weights}, or {@code dst +=}. The descriptors are destroyed. */
    MemorySegment matmulDescription(
            String what,
            MemorySegment src,
            MemorySegment weights,
            MemorySegment dst,
            boolean accumulate) {
        MemorySegment attributes = attributes(accumulate);
        try {
            return created(
                    what,
                    out ->
                            (int)
                                    matmul.invokeExact(
                                            out,
                                            engine,
                                            src,
                                            weights,
                                            MemorySegment.NULL,
                                            dst,
                                            attributes));
        } finally {
            destroyAttributes(attributes);
        }
    }

    MemorySegment reorderDescription(
            String what, MemorySegment from, MemorySegment to, boolean accumulate) {
        MemorySegment attributes = attributes(accumulate);
        try {
            return created(
                    what,
                    out -> (int) reorder.invokeExact(out, from, engine, to, engine, attributes));
        } finally {
            destroyAttributes(attributes);
        }
    }

    MemorySegment convolutionForwardDescription(
            String what, MemorySegment src, MemorySegment weights, MemorySegment dst, Geometry g) {
        MemorySegment attributes = attributes(false);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment strides = g.strides(arena);
            MemorySegment dilates = g.dilates(arena);
            MemorySegment padding = g.paddings(arena);
            return created(
                    what,
                    out ->
                            (int)
                                    convolutionForward.invokeExact(
                                            out,
                                            engine,
                                            FORWARD_TRAINING,
                                            CONVOLUTION_DIRECT,
                                            src,
                                            weights,
                                            MemorySegment.NULL,
                                            dst,
                                            strides,
                                            dilates,
                                            padding,
                                            padding,
                                            attributes));
        } finally {
            destroyAttributes(attributes);
        }
    }

    MemorySegment convolutionBackwardDataDescription(
            String what,
            MemorySegment diffSrc,
            MemorySegment weights,
            MemorySegment diffDst,
            Geometry g,
            MemorySegment forwardHint) {
        MemorySegment attributes = attributes(false);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment strides = g.strides(arena);
            MemorySegment dilates = g.dilates(arena);
            MemorySegment padding = g.paddings(arena);
            return created(
                    what,
                    out ->
                            (int)
                                    convolutionBackwardData.invokeExact(
                                            out,
                                            engine,
                                            CONVOLUTION_DIRECT,
                                            diffSrc,
                                            weights,
                                            diffDst,
                                            strides,
                                            dilates,
                                            padding,
                                            padding,
                                            forwardHint,
                                            attributes));
        } finally {
            destroyAttributes(attributes);
        }
    }

    MemorySegment convolutionBackwardWeightsDescription(
            String what,
            MemorySegment src,
            MemorySegment diffWeights,
            MemorySegment diffDst,
            Geometry g,
            MemorySegment forwardHint) {
        MemorySegment attributes = attributes(false);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment strides = g.strides(arena);
            MemorySegment dilates = g.dilates(arena);
            MemorySegment padding = g.paddings(arena);
            return created(
                    what,
                    out ->
                            (int)
                                    convolutionBackwardWeights.invokeExact(
                                            out,
                                            engine,
                                            CONVOLUTION_DIRECT,
                                            src,
                                            diffWeights,
                                            MemorySegment.NULL,
                                            diffDst,
                                            strides,
                                            dilates,
                                            padding,
                                            padding,
                                            forwardHint,
                                            attributes));
        } finally {
            destroyAttributes(attributes);
        }
    }

    long scratchBytes(MemorySegment description) {
        MemorySegment desc = query(description, QUERY_SCRATCHPAD);
        return desc.address() == 0 ? 0 : size(desc);
    }

    MemorySegment scratchDesc(MemorySegment description) {
        return query(description, QUERY_SCRATCHPAD);
    }

    /** The layout that oneDNN chose for the weights; belongs to the description. */
    MemorySegment weightsDesc(MemorySegment description) {
        return query(description, QUERY_WEIGHTS);
    }

    /** The layout that oneDNN chose for the weight gradient; belongs to the description. */
    MemorySegment weightGradientDesc(MemorySegment description) {
        return query(description, QUERY_DIFF_WEIGHTS);
    }

    private MemorySegment query(MemorySegment description, int what) {
        try {
            return (MemorySegment) descriptionQuery.invokeExact(description, what, 0);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    void destroyDescription(MemorySegment description) {
        check("destroying a description", () -> (int) descriptionDestroy.invokeExact(description));
    }

    MemorySegment primitive(String what, MemorySegment description) {
        return created(what, out -> (int) primitiveCreate.invokeExact(out, description));
    }

    void destroyPrimitive(MemorySegment primitive) {
        check("destroying a primitive", () -> (int) primitiveDestroy.invokeExact(primitive));
    }

    /** Runs a primitive on the calling thread. */
    void execute(String what, MemorySegment primitive, int count, MemorySegment arguments) {
        int status;
        try {
            status = (int) primitiveExecute.invokeExact(primitive, stream, count, arguments);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
        if (status != SUCCESS) {
            throw failed(what, status);
        }
    }

    private MemorySegment attributes(boolean accumulate) {
        MemorySegment attributes =
                created("attributes", out -> (int) attributesCreate.invokeExact(out));
        check(
                "setting the scratchpad mode",
                () -> (int) attributesScratchpad.invokeExact(attributes, SCRATCHPAD_USER));
        if (accumulate) {
            MemorySegment ops = created("post-ops", out -> (int) postOpsCreate.invokeExact(out));
            // 0 = dnnl_data_type_undef: the destination's own type.
            check("adding a sum", () -> (int) postOpsSum.invokeExact(ops, 1f, 0, 0));
            check("setting post-ops", () -> (int) attributesPostOps.invokeExact(attributes, ops));
            check("destroying post-ops", () -> (int) postOpsDestroy.invokeExact(ops));
        }
        return attributes;
    }

    private void destroyAttributes(MemorySegment attributes) {
        check("destroying attributes", () -> (int) attributesDestroy.invokeExact(attributes));
    }

    /** Stride, dilation and padding of a square-kernel convolution. */
    record Geometry(int stride, int padding) {
        private MemorySegment strides(Arena arena) {
            return arena.allocateFrom(JAVA_LONG, stride, stride);
        }

        private MemorySegment dilates(Arena arena) {
            return arena.allocateFrom(JAVA_LONG, 0, 0);
        }

        private MemorySegment paddings(Arena arena) {
            return arena.allocateFrom(JAVA_LONG, padding, padding);
        }
    }

    // ---------------------------------------------------------------- the one place of checks

    private interface Call {
        int run() throws Throwable;
    }

    private interface Creation {
        int run(MemorySegment out) throws Throwable;
    }

    private static void check(String what, Call call) {
        int status;
        try {
            status = call.run();
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
        if (status != SUCCESS) {
            throw failed(what, status);
        }
    }

    private static MemorySegment created(String what, Creation creation) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            check(what, () -> creation.run(out));
            return out.get(ADDRESS, 0);
        }
    }

    private static DeviceException failed(String what, int status) {
        String name = status < STATUS.length ? STATUS[status] : "status " + status;
        return new DeviceException("oneDNN: " + what + " failed: " + name);
    }

    private record Binder(Linker linker, SymbolLookup lookup) {
        MemorySegment symbol(String name) {
            return lookup.find(name)
                    .orElseThrow(() -> new DeviceException("oneDNN lacks the function " + name));
        }

        MethodHandle status(String name, MemoryLayout... arguments) {
            return linker.downcallHandle(symbol(name), FunctionDescriptor.of(JAVA_INT, arguments));
        }
    }
}
