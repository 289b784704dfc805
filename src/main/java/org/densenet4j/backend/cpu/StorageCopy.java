package org.densenet4j.backend.cpu;

import org.densenet4j.backend.DataType;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * A class compiled once more for another storage type of activations.
 *
 * <p>The type is a constant of the class: loops that ask for it, or share compiled code with loops
 * over another type, are several times slower. The class itself is for float32; a copy of it is a
 * hidden class with the other type as its class data (JEP 371).
 */
final class StorageCopy {
    /** Constructors of the copies for bfloat16; one is made when it is asked for. */
    private static final ClassValue<MethodHandle> OF_BFLOAT16 =
            new ClassValue<>() {
                @Override
                protected MethodHandle computeValue(Class<?> original) {
                    return constructor(copy(original, DataType.BFLOAT16));
                }
            };

    private StorageCopy() {}

    /** The constant, asked by the class about itself. */
    static DataType storage(MethodHandles.Lookup self) {
        try {
            DataType type = MethodHandles.classData(self, "_", DataType.class);
            return type == null ? DataType.FLOAT32 : type;
        } catch (IllegalAccessException e) {
            throw new AssertionError(e);
        }
    }

    /**
     * An object of a class or of its copy.
     *
     * @param idea what callers know both as
     * @param original has a constructor that takes the arena's memory
     */
    static <T> T of(
            Class<T> idea, Class<? extends T> original, DataType type, MemorySegment memory) {
        MethodHandle constructor =
                switch (type) {
                    case FLOAT32 -> constructor(MethodHandles.lookup().in(original));
                    case BFLOAT16 -> OF_BFLOAT16.get(original);
                };
        try {
            return idea.cast((Object) constructor.invokeExact(memory));
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    private static MethodHandles.Lookup copy(Class<?> original, DataType type) {
        String name = original.getName();
        String file = name.substring(name.lastIndexOf('.') + 1) + ".class";
        try (InputStream in = original.getResourceAsStream(file)) {
            return MethodHandles.lookup()
                    .defineHiddenClassWithClassData(in.readAllBytes(), type, true);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (IllegalAccessException e) {
            throw new AssertionError(e);
        }
    }

    private static MethodHandle constructor(MethodHandles.Lookup of) {
        MethodType memory = MethodType.methodType(void.class, MemorySegment.class);
        try {
            return of.findConstructor(of.lookupClass(), memory)
                    .asType(MethodType.methodType(Object.class, MemorySegment.class));
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }
}
