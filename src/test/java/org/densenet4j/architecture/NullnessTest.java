package org.densenet4j.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import java.io.File;
import java.io.IOException;
import java.lang.reflect.AnnotatedType;
import java.lang.reflect.Parameter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * Compilers and their checkers are told what may be null: every package that users of the library
 * see is null-marked, and what it takes and gives is not null unless it says so.
 */
class NullnessTest {
    /** Packages that users of the library have nothing to do with. */
    private static final List<String> INTERNAL =
            List.of(
                    "backend.cpu",
                    "backend.cuda",
                    "cli",
                    "download",
                    "io.pth",
                    "library",
                    "parity",
                    "random",
                    "reference");

    private static boolean isInternal(String name) {
        String inside = name.replaceFirst("^org\\.densenet4j\\.?", "");
        return INTERNAL.stream().anyMatch(p -> inside.equals(p) || inside.startsWith(p + "."));
    }

    private static boolean isNullMarked(String name) {
        try {
            return Class.forName(name + ".package-info").isAnnotationPresent(NullMarked.class);
        } catch (ClassNotFoundException e) {
            return false;
        }
    }

    /** Of the sources, by the folders that have any. */
    private static List<String> packages() throws IOException {
        Path root = Path.of("src", "main", "java");
        assumeTrue(Files.isDirectory(root), "there are no sources beside the tests");
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(file -> file.toString().endsWith(".java"))
                    .filter(file -> !file.endsWith("package-info.java"))
                    .map(file -> root.relativize(file.getParent()).toString())
                    .map(folder -> folder.replace(File.separatorChar, '.'))
                    .distinct()
                    .filter(name -> !name.isEmpty() && !isInternal(name))
                    .sorted()
                    .toList();
        }
    }

    @Test
    void everyPublicPackageIsNullMarked() throws IOException {
        List<String> names = packages();
        assertTrue(names.size() > 10, names.toString());
        assertEquals(List.of(), names.stream().filter(name -> !isNullMarked(name)).toList());
    }

    private static boolean isNullable(AnnotatedType type) {
        return type.isAnnotationPresent(Nullable.class);
    }

    @Test
    void whatMayBeNullSaysSo() throws ReflectiveOperationException {
        for (String builder :
                List.of(
                        "plan.MemoryPlan",
                        "plan.InferencePlan",
                        "train.Trainer",
                        "inference.Predictor",
                        "inference.Segmenter",
                        "inference.Detector")) {
            Class<?> type = Class.forName("org.densenet4j." + builder + "$Builder");
            List<String> nullable =
                    builder.equals("train.Trainer")
                            ? List.of("averageWeights", "precision")
                            : List.of("precision");
            assertEquals(nullable, nullableParameters(type), builder);
        }
        Class<?> trainer = Class.forName("org.densenet4j.train.Trainer");
        assertEquals(List.of("step", "step", "step"), nullableParameters(trainer));
        Class<?> model = Class.forName("org.densenet4j.weights.Model");
        assertEquals(List.of("open"), nullableParameters(model));
    }

    /** Public methods that take null, once for each parameter that may be. */
    private static List<String> nullableParameters(Class<?> type) {
        return Arrays.stream(type.getMethods())
                .filter(method -> method.getDeclaringClass() == type)
                .flatMap(
                        method ->
                                Stream.of(method.getParameters())
                                        .map(Parameter::getAnnotatedType)
                                        .filter(NullnessTest::isNullable)
                                        .map(_ -> method.getName()))
                .sorted()
                .toList();
    }
}
