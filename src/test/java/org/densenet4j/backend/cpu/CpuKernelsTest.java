package org.densenet4j.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;
import org.densenet4j.backend.cpu.asm.InstructionSet;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** What a kernel runs as on a CPU is stated, so that none runs in plain loops unnoticed. */
class CpuKernelsTest {
    /** What is done once a channel or once an image, exponentials, and moves of whole lines. */
    private static final Set<String> TOO_SMALL_TO_MATTER =
            Set.of(
                    "updateRunningStatistics",
                    "statisticsOfRunning",
                    "foldNormalisation",
                    "normCorrection",
                    "deferSums",
                    "deferredCorrection",
                    "gradientWeight",
                    "softmaxCrossEntropy",
                    "softmaxVectorLoss",
                    "outputLoss",
                    "pixelCrossEntropy",
                    "copyWindow",
                    "dropPath",
                    "scaleGradient",
                    "transpose");

    private static final Set<String> HAVE_MACHINE_CODE =
            Set.of(
                    "channelStatistics",
                    "normaliseRelu",
                    "addBias",
                    "add",
                    "appendFeatures",
                    "normaliseReluAveragePool",
                    "normaliseReluMaxPool",
                    "maxPoolBackward",
                    "maskRelu",
                    "applyCorrection",
                    "gradientOfAppended",
                    "accumulateGradientAveragePool",
                    "normaliseReluGlobalPool",
                    "accumulateGradientGlobalPool",
                    "depthwise",
                    "depthwiseGradient",
                    "addDepthwiseWeightGradient",
                    "layerNorm",
                    "layerNormGradient",
                    "gelu",
                    "geluGradient",
                    "scaleImages",
                    "imageProducts",
                    "sgd",
                    "adam");

    @Test
    void everyKernelIsOnTheVectorApiUnlessItIsTooSmallToMatter() {
        Map<String, String> implementations = implementations(false, true);
        assertEquals(allKernels(), implementations.keySet());
        assertEquals(TOO_SMALL_TO_MATTER, kernels(implementations, "plain loops"));
        assertEquals(
                allKernels().size() - TOO_SMALL_TO_MATTER.size(),
                kernels(implementations, "Vector API").size());
    }

    @Test
    void machineCodeIsTriedFirstWhereThereIsSome() {
        Map<String, String> withVectors = implementations(true, true);
        Map<String, String> without = implementations(true, false);
        assertEquals(HAVE_MACHINE_CODE, kernels(withVectors, "machine code, else Vector API"));
        assertEquals(HAVE_MACHINE_CODE, kernels(without, "machine code, else plain loops"));
    }

    @Test
    void withoutMachineCodeAndVectorApiAllRunInPlainLoops() {
        Map<String, String> implementations = implementations(false, false);
        assertEquals(allKernels(), kernels(implementations, "plain loops"));
    }

    @Test
    void nothingOfTheVectorApiIsLoadedWhereTheJvmHasNone() throws Exception {
        ClassLoader loader = new WithoutVectorApi();
        Class<?> kernels = loader.loadClass(CpuKernels.class.getName());
        Constructor<?> constructor =
                kernels.getDeclaredConstructor(MemorySegment.class, Optional.class, boolean.class);
        constructor.setAccessible(true);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment memory = arena.allocate(1 << 10, 64);
            Class<?> matrix = loader.loadClass(Matrix.class.getName());
            Object x =
                    matrix.getMethod("dense", long.class, int.class, int.class)
                            .invoke(null, 0L, 2, 5);
            Method statistics = kernels.getMethod("channelStatistics", matrix, matrix);
            statistics.setAccessible(true);
            Object plain = constructor.newInstance(memory, Optional.empty(), false);
            statistics.invoke(plain, x, x);
            Object vectors = constructor.newInstance(memory, Optional.empty(), true);
            assertThrows(InvocationTargetException.class, () -> statistics.invoke(vectors, x, x));
            Method implementations = kernels.getDeclaredMethod("implementations");
            implementations.setAccessible(true);
            assertEquals(allKernels(), ((Map<?, ?>) implementations.invoke(plain)).keySet());
        }
    }

    /** Nothing is compiled, so that no processor is needed that runs it. */
    private static Map<String, String> implementations(boolean machineCode, boolean vectorApi) {
        Target target = new Target(InstructionSet.AVX2, () -> false, () -> false, () -> false);
        Optional<Target> here = machineCode ? Optional.of(target) : Optional.empty();
        return CpuKernels.implementations(new Host(null, here, vectorApi, true));
    }

    /** Those that are not made of others, as on this device all default ones are. */
    private static Set<String> allKernels() {
        return Arrays.stream(Kernels.class.getMethods())
                .filter(method -> !method.isDefault())
                .map(Method::getName)
                .collect(Collectors.toSet());
    }

    private static Set<String> kernels(Map<String, String> all, String by) {
        return all.keySet().stream()
                .filter(kernel -> all.get(kernel).equals(by))
                .collect(Collectors.toSet());
    }

    /** Defines the project's classes anew, and has none of the Vector API. */
    private static final class WithoutVectorApi extends ClassLoader {
        WithoutVectorApi() {
            super(CpuKernelsTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (name.startsWith("jdk.incubator.vector.")) {
                throw new ClassNotFoundException(name);
            }
            Class<?> loaded = findLoadedClass(name);
            if (loaded != null || !name.startsWith("org.densenet4j.")) {
                return loaded != null ? loaded : super.loadClass(name, resolve);
            }
            String file = name.replace('.', '/') + ".class";
            try (InputStream in = getParent().getResourceAsStream(file)) {
                byte[] bytes = in.readAllBytes();
                return defineClass(name, bytes, 0, bytes.length);
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }
    }
}
