package org.densenet4j.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceOptions;
import org.densenet4j.data.Augmentation;
import org.densenet4j.data.Batch;
import org.densenet4j.data.BatchLoader;
import org.densenet4j.data.Cifar;
import org.densenet4j.data.Dataset;
import org.densenet4j.data.Image;
import org.densenet4j.data.ImageFile;
import org.densenet4j.data.ImageFolder;
import org.densenet4j.data.ImageMetadata;
import org.densenet4j.data.Normalisation;
import org.densenet4j.data.RelabelledDataset;
import org.densenet4j.engine.Mode;
import org.densenet4j.engine.Network;
import org.densenet4j.engine.Pass;
import org.densenet4j.inference.Evaluation;
import org.densenet4j.inference.ImagePreparation;
import org.densenet4j.inference.Predictor;
import org.densenet4j.plan.InferencePlan;
import org.densenet4j.plan.MemoryPlan;
import org.densenet4j.spec.DenseNetSpec;
import org.densenet4j.testing.FilledImages;
import org.densenet4j.train.Recipe;
import org.densenet4j.train.RunFolder;
import org.densenet4j.train.Trainer;
import org.densenet4j.train.TrainingRun;
import org.densenet4j.weights.LoadOptions;
import org.densenet4j.weights.Model;
import org.densenet4j.weights.OnnxExport;
import org.densenet4j.weights.SafetensorsExport;
import org.densenet4j.weights.Weights;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** Every public call that is given null in the place of an object names the argument. */
class NullArgumentsTest {
    private static final DenseNetSpec SPEC =
            DenseNetSpec.bc(10, 4).classes(2).inputSize(8, 8).build();

    /** Types that null is tried in the place of. */
    private static final List<Class<?>> STATIC =
            List.of(
                    DenseNetSpec.class,
                    MemoryPlan.class,
                    InferencePlan.class,
                    Device.class,
                    Network.class,
                    Trainer.class,
                    Recipe.class,
                    RunFolder.class,
                    TrainingRun.class,
                    Predictor.class,
                    Evaluation.class,
                    ImagePreparation.class,
                    BatchLoader.class,
                    ImageFolder.class,
                    ImageFile.class,
                    ImageMetadata.class,
                    RelabelledDataset.class,
                    Cifar.class,
                    Model.class,
                    Weights.class,
                    OnnxExport.class,
                    SafetensorsExport.class);

    /** Null stands for the network that a file names. */
    private static final List<String> MAY_BE_NULL = List.of("wanted");

    @TempDir private Path folder;
    private final List<String> wrong = new ArrayList<>();
    private int tried;

    private static Dataset two() {
        return new FilledImages(2, 8, List.of("a", "b"), (index, pixels) -> {});
    }

    private static Batch batch() {
        return new Batch(new float[2 * 8 * 8 * 3], new int[] {0, 1}, 8, 8, 3);
    }

    /** A value of a type, so that the one argument that is null is the one that fails. */
    private Object value(Class<?> type, Device device) {
        if (type == int.class) {
            return 1;
        } else if (type == long.class) {
            return 1L << 40;
        } else if (type == double.class) {
            return 0.5;
        } else if (type == float.class) {
            return 0f;
        } else if (type == boolean.class) {
            return false;
        } else if (type == String.class) {
            return "bc-10-4";
        } else if (type == Path.class) {
            return folder.resolve("none");
        } else if (type == Device.class) {
            return device;
        } else if (type == DenseNetSpec.class) {
            return SPEC;
        } else if (type == DeviceOptions.class) {
            return DeviceOptions.defaults();
        } else if (type == Map.class) {
            return Map.of();
        } else if (type == List.class) {
            return List.of("a", "b");
        } else if (type == Dataset.class) {
            return two();
        } else if (type == Normalisation.class) {
            return Normalisation.CIFAR10;
        } else if (type == Augmentation.class) {
            return Augmentation.NONE;
        } else if (type == LoadOptions.class) {
            return LoadOptions.strict();
        } else if (type == Batch.class) {
            return batch();
        } else if (type == Pass.class) {
            return new Pass(2, Mode.TRAIN, 1, 1);
        } else if (type == float[].class) {
            return new float[2 * 8 * 8 * 3];
        } else if (type == int[].class) {
            return new int[] {0, 1};
        } else if (type == byte[].class) {
            return new byte[] {1, 2, 3};
        } else if (type == Image.class) {
            return new Image(8, 8, 3, new byte[8 * 8 * 3]);
        } else if (type == ImageMetadata.class) {
            return ImageMetadata.NONE;
        } else if (type == Optional.class) {
            return Optional.empty();
        } else if (type == BooleanSupplier.class) {
            return (BooleanSupplier) () -> false;
        } else if (type == Consumer.class) {
            return (Consumer<Object>) x -> {};
        } else if (type.isEnum()) {
            return type.getEnumConstants()[0];
        }
        return null;
    }

    private void tryNulls(Object target, Executable call, Device device) {
        Class<?>[] types = call.getParameterTypes();
        for (int n = 0; n < types.length; n++) {
            String name = call.getParameters()[n].getName();
            if (types[n].isPrimitive() || MAY_BE_NULL.contains(name)) {
                continue;
            }
            Object[] arguments = new Object[types.length];
            boolean known = true;
            for (int i = 0; i < types.length; i++) {
                arguments[i] = i == n ? null : value(types[i], device);
                known &= i == n || arguments[i] != null;
            }
            if (!known) {
                continue;
            }
            String where =
                    call.getDeclaringClass().getSimpleName()
                            + "."
                            + call.getName()
                            + "("
                            + name
                            + ")";
            tried++;
            try {
                ((Method) call).invoke(target, arguments);
                wrong.add(where + " takes null");
            } catch (InvocationTargetException e) {
                Throwable cause = e.getCause();
                boolean named =
                        (cause instanceof NullPointerException
                                        || cause instanceof IllegalArgumentException)
                                && (String.valueOf(cause.getMessage()).contains(name)
                                        // The one argument of a setter is named by what it sets.
                                        || name.equals("value")
                                                && cause.getMessage() != null
                                                && named(call.getName(), cause.getMessage()));
                if (!named) {
                    wrong.add(where + " throws " + cause);
                }
            } catch (ReflectiveOperationException e) {
                throw new AssertionError(where, e);
            }
        }
    }

    private static boolean named(String setter, String message) {
        String what = setter.startsWith("with") ? setter.substring(4) : setter;
        String start = what.substring(0, Math.min(7, what.length()));
        return message.toLowerCase(Locale.ROOT).contains(start.toLowerCase(Locale.ROOT));
    }

    private void tryAll(Class<?> type, Object target, Device device, List<String> except) {
        for (Method method : type.getDeclaredMethods()) {
            boolean fits =
                    Modifier.isPublic(method.getModifiers())
                            && !method.isSynthetic()
                            && Modifier.isStatic(method.getModifiers()) == (target == null)
                            && !method.getName().equals("equals")
                            && !except.contains(method.getName());
            if (fits) {
                tryNulls(target, method, device);
            }
        }
    }

    @Test
    void everyNullIsNamed() throws IOException {
        Files.createDirectories(folder.resolve("images/a"));
        try (Device device = Device.open("cpu", DeviceOptions.defaults().withThreads(1));
                Trainer trainer = Trainer.of(SPEC, device).batch(2).open()) {
            Path weights = folder.resolve("weights.safetensors");
            trainer.save(weights);
            for (Class<?> type : STATIC) {
                tryAll(type, null, device, List.of());
            }
            tryAll(DenseNetSpec.Builder.class, DenseNetSpec.builder(), device, List.of());
            tryAll(MemoryPlan.Builder.class, MemoryPlan.of(SPEC), device, List.of("precision"));
            tryAll(
                    InferencePlan.Builder.class,
                    InferencePlan.of(SPEC),
                    device,
                    List.of("precision"));
            tryAll(
                    Trainer.Builder.class,
                    Trainer.of(SPEC, device),
                    device,
                    // null is the device's own choice, and no average
                    List.of("precision", "averageWeights"));
            trainer.step(batch());
            tryAll(Trainer.class, trainer, device, List.of("step")); // next may be null

            tryAll(Network.class, trainer.network(), device, List.of());
            tryAll(BatchLoader.class, BatchLoader.of(two()), device, List.of("skipBroken"));
            tryAll(ImageFolder.Builder.class, ImageFolder.at(folder), device, List.of());
            tryAll(Recipe.class, Recipe.preset("cifar"), device, List.of());
            try (Model model = Model.open(weights)) {
                tryAll(Model.class, model, device, List.of());
                tryAll(
                        Predictor.Builder.class,
                        Predictor.of(model),
                        device,
                        List.of("precision", "device"));
                try (Predictor predictor = Predictor.of(model).device(device).open()) {
                    tryAll(Predictor.class, predictor, device, List.of());
                }
            }
        }
        assertTrue(tried > 60, "only " + tried);
        assertEquals("", String.join("\n", wrong));
    }
}
