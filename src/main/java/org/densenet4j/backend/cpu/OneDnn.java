package org.densenet4j.backend.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import org.bytedeco.javacpp.Loader;
import org.densenet4j.backend.DataType;
import org.densenet4j.backend.DeviceException;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.densenet4j.foreign.CFunction;
import org.densenet4j.library.LibraryFile;

import java.io.File;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
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

    private static final long NONE = 0;
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

    private final CFunction memoryDescWithStrides;
    private final CFunction memoryDescWithTag;
    private final CFunction memoryDescSize;
    private final CFunction memoryDescClone;
    private final CFunction memoryDescDestroy;
    private final CFunction memoryCreate;
    private final MethodHandle memorySetHandle;
    private final CFunction memoryDestroy;
    private final CFunction attributesCreate;
    private final CFunction attributesScratchpad;
    private final CFunction attributesPostOps;
    private final CFunction attributesDestroy;
    private final CFunction postOpsCreate;
    private final MemorySegment postOpsSum;
    private final CFunction postOpsDestroy;
    private final CFunction matmul;
    private final CFunction reorder;
    private final CFunction convolutionForward;
    private final CFunction convolutionBackwardData;
    private final CFunction convolutionBackwardWeights;
    private final CFunction descriptionQuery;
    private final CFunction descriptionDestroy;
    private final CFunction primitiveCreate;
    private final MethodHandle primitiveExecute;
    private final CFunction primitiveDestroy;
    private final CFunction ompSetThreads;
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
        SymbolLookup openmp = openMp();
        Symbols b = new Symbols(library(dnnlFile()));
        memoryDescWithStrides = b.function("dnnl_memory_desc_create_with_strides");
        memoryDescWithTag = b.function("dnnl_memory_desc_create_with_tag");
        memoryDescSize = b.function("dnnl_memory_desc_get_size");
        memoryDescClone = b.function("dnnl_memory_desc_clone");
        memoryDescDestroy = b.function("dnnl_memory_desc_destroy");
        memoryCreate = b.function("dnnl_memory_create");
        memorySetHandle = b.linked("dnnl_memory_set_data_handle", ADDRESS, ADDRESS);
        memoryDestroy = b.function("dnnl_memory_destroy");
        attributesCreate = b.function("dnnl_primitive_attr_create");
        attributesScratchpad = b.function("dnnl_primitive_attr_set_scratchpad_mode");
        attributesPostOps = b.function("dnnl_primitive_attr_set_post_ops");
        attributesDestroy = b.function("dnnl_primitive_attr_destroy");
        postOpsCreate = b.function("dnnl_post_ops_create");
        postOpsSum = b.symbol("dnnl_post_ops_append_sum");
        postOpsDestroy = b.function("dnnl_post_ops_destroy");
        matmul = b.function("dnnl_matmul_primitive_desc_create");
        reorder = b.function("dnnl_reorder_primitive_desc_create");
        convolutionForward = b.function("dnnl_convolution_forward_primitive_desc_create");
        convolutionBackwardData =
                b.function("dnnl_convolution_backward_data_primitive_desc_create");
        convolutionBackwardWeights =
                b.function("dnnl_convolution_backward_weights_primitive_desc_create");
        descriptionQuery = b.function("dnnl_primitive_desc_query_md");
        descriptionDestroy = b.function("dnnl_primitive_desc_destroy");
        primitiveCreate = b.function("dnnl_primitive_create");
        primitiveExecute = b.linked("dnnl_primitive_execute", ADDRESS, ADDRESS, JAVA_INT, ADDRESS);
        primitiveDestroy = b.function("dnnl_primitive_destroy");
        ompSetThreads = new CFunction(openmp.find("omp_set_num_threads").orElseThrow());
        keepFromTiles(b.function("dnnl_set_max_cpu_isa"));
        engine = created("oneDNN engine", b.function("dnnl_engine_create"), ENGINE_CPU, 0);
        stream =
                created(
                        "oneDNN stream",
                        b.function("dnnl_stream_create"),
                        engine.address(),
                        STREAM_DEFAULT);
        version = readVersion(b.function("dnnl_version"));
        isa = (int) b.function("dnnl_get_effective_cpu_isa").call();
    }

    /**
     * Lets oneDNN use instructions up to those on vectors of bfloat16 and no tiles (AMX), on which
     * its products of bfloat16 matrices come out as NaN: seen with version 3.13 on Emerald Rapids
     * in every product of the contract and in the first step of DenseNet-BC-100-12; up to vectors
     * the same products are right. It is a limit: other processors are not affected, and one that
     * {@code ONEDNN_MAX_CPU_ISA} sets stays.
     */
    private static void keepFromTiles(CFunction setMost) {
        if (System.getenv("ONEDNN_MAX_CPU_ISA") != null) {
            return;
        }
        int status = (int) setMost.call(ISA_AVX512_BF16);
        if (status != SUCCESS) {
            System.getLogger("org.densenet4j")
                    .log(
                            System.Logger.Level.DEBUG,
                            "oneDNN's instructions cannot be limited: status " + status);
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

    private static String readVersion(CFunction query) {
        MemorySegment v = MemorySegment.ofAddress(query.call()).reinterpret(12);
        return v.get(JAVA_INT, 0) + "." + v.get(JAVA_INT, 4) + "." + v.get(JAVA_INT, 8);
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
        ompSetThreads.call(1);
    }

    // ---------------------------------------------------------------- memory descriptors

    /** A dense-or-strided tensor. Lives until the process ends or {@link #destroyDesc}. */
    MemorySegment desc(DataType type, long[] dims, long[] strides) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment d = arena.allocateFrom(JAVA_LONG, dims);
            MemorySegment s = arena.allocateFrom(JAVA_LONG, strides);
            return created(
                    "tensor description",
                    memoryDescWithStrides,
                    dims.length,
                    d.address(),
                    code(type),
                    s.address());
        }
    }

    /** A tensor whose layout oneDNN may choose. */
    MemorySegment descAny(DataType type, long... dims) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment d = arena.allocateFrom(JAVA_LONG, dims);
            return created(
                    "tensor description",
                    memoryDescWithTag,
                    dims.length,
                    d.address(),
                    code(type),
                    TAG_ANY);
        }
    }

    private static int code(DataType type) {
        return switch (type) {
            case FLOAT32 -> F32;
            case BFLOAT16 -> BF16;
        };
    }

    long size(MemorySegment desc) {
        return memoryDescSize.call(desc.address());
    }

    MemorySegment cloneDesc(MemorySegment desc) {
        return created("tensor description", memoryDescClone, desc.address());
    }

    void destroyDesc(MemorySegment desc) {
        call("destroying a tensor description", memoryDescDestroy, desc.address());
    }

    MemorySegment memory(MemorySegment desc) {
        return created("memory object", memoryCreate, desc.address(), engine.address(), NONE);
    }

    void destroyMemory(MemorySegment memory) {
        call("destroying a memory object", memoryDestroy, memory.address());
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
                    matmul,
                    engine.address(),
                    src.address(),
                    weights.address(),
                    NONE,
                    dst.address(),
                    attributes.address());
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
                    reorder,
                    from.address(),
                    engine.address(),
                    to.address(),
                    engine.address(),
                    attributes.address());
        } finally {
            destroyAttributes(attributes);
        }
    }

    MemorySegment convolutionForwardDescription(
            String what, MemorySegment src, MemorySegment weights, MemorySegment dst, Geometry g) {
        MemorySegment attributes = attributes(false);
        try (Arena arena = Arena.ofConfined()) {
            long padding = g.paddings(arena).address();
            return created(
                    what,
                    convolutionForward,
                    engine.address(),
                    FORWARD_TRAINING,
                    CONVOLUTION_DIRECT,
                    src.address(),
                    weights.address(),
                    NONE,
                    dst.address(),
                    g.strides(arena).address(),
                    g.dilates(arena).address(),
                    padding,
                    padding,
                    attributes.address());
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
            long padding = g.paddings(arena).address();
            return created(
                    what,
                    convolutionBackwardData,
                    engine.address(),
                    CONVOLUTION_DIRECT,
                    diffSrc.address(),
                    weights.address(),
                    diffDst.address(),
                    g.strides(arena).address(),
                    g.dilates(arena).address(),
                    padding,
                    padding,
                    forwardHint.address(),
                    attributes.address());
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
            long padding = g.paddings(arena).address();
            return created(
                    what,
                    convolutionBackwardWeights,
                    engine.address(),
                    CONVOLUTION_DIRECT,
                    src.address(),
                    diffWeights.address(),
                    NONE,
                    diffDst.address(),
                    g.strides(arena).address(),
                    g.dilates(arena).address(),
                    padding,
                    padding,
                    forwardHint.address(),
                    attributes.address());
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
        return MemorySegment.ofAddress(descriptionQuery.call(description.address(), what, 0));
    }

    void destroyDescription(MemorySegment description) {
        call("destroying a description", descriptionDestroy, description.address());
    }

    MemorySegment primitive(String what, MemorySegment description) {
        return created(what, primitiveCreate, description.address());
    }

    void destroyPrimitive(MemorySegment primitive) {
        call("destroying a primitive", primitiveDestroy, primitive.address());
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
        MemorySegment attributes = created("attributes", attributesCreate);
        call(
                "setting the scratchpad mode",
                attributesScratchpad,
                attributes.address(),
                SCRATCHPAD_USER);
        if (accumulate) {
            MemorySegment ops = created("post-ops", postOpsCreate);
            appendSum(ops);
            call("setting post-ops", attributesPostOps, attributes.address(), ops.address());
            call("destroying post-ops", postOpsDestroy, ops.address());
        }
        return attributes;
    }

    /** Linked here, because a scale is a float and few networks need it when they start. */
    private void appendSum(MemorySegment ops) {
        MethodHandle append =
                Linker.nativeLinker()
                        .downcallHandle(
                                postOpsSum,
                                FunctionDescriptor.of(
                                        JAVA_INT, ADDRESS, JAVA_FLOAT, JAVA_INT, JAVA_INT));
        int status;
        try {
            // 0 = dnnl_data_type_undef: the destination's own type.
            status = (int) append.invokeExact(ops, 1f, 0, 0);
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
        check("adding a sum", status);
    }

    private void destroyAttributes(MemorySegment attributes) {
        call("destroying attributes", attributesDestroy, attributes.address());
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

    private static void call(String what, CFunction function, long... arguments) {
        check(what, (int) function.call(arguments));
    }

    /** Of a function that writes what it makes to where its first argument points. */
    private static MemorySegment created(String what, CFunction function, long... others) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            long[] arguments = new long[others.length + 1];
            arguments[0] = out.address();
            System.arraycopy(others, 0, arguments, 1, others.length);
            call(what, function, arguments);
            return out.get(ADDRESS, 0);
        }
    }

    private static void check(String what, int status) {
        if (status != SUCCESS) {
            throw failed(what, status);
        }
    }

    private static DeviceException failed(String what, int status) {
        String name = status < STATUS.length ? STATUS[status] : "status " + status;
        return new DeviceException("oneDNN: " + what + " failed: " + name);
    }

    private record Symbols(SymbolLookup library) {
        MemorySegment symbol(String name) {
            return library.find(name)
                    .orElseThrow(() -> new DeviceException("oneDNN lacks the function " + name));
        }

        CFunction function(String name) {
            return new CFunction(symbol(name));
        }

        /** One that returns a status, for calls whose time counts. */
        MethodHandle linked(String name, MemoryLayout... arguments) {
            return Linker.nativeLinker()
                    .downcallHandle(symbol(name), FunctionDescriptor.of(JAVA_INT, arguments));
        }
    }
}
