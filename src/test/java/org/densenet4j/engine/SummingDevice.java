package org.densenet4j.engine;

import org.densenet4j.backend.Device;
import org.densenet4j.backend.DeviceArena;
import org.densenet4j.backend.Kernels;
import org.densenet4j.backend.Matrix;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A device that says that it sums beside its work, as a GPU does, and keeps what was asked of it in
 * order. What was sent is compared with what is there when the sums are awaited: whoever writes to
 * a part in between would write to memory that is being summed.
 */
final class SummingDevice {
    /** Names of kernels, and {@code sum} and {@code await}. */
    final List<String> log = new ArrayList<>();

    /** Parts that were sent, with their values then. */
    private final Map<Matrix, float[]> sent = new LinkedHashMap<>();

    /** Parts that were written to before they were awaited. */
    final List<Matrix> overwritten = new ArrayList<>();

    final List<List<Matrix>> messages = new ArrayList<>();
    private final Device device;

    SummingDevice(Device device) {
        this.device = device;
    }

    Device device() {
        return proxy(
                Device.class,
                device,
                (proxy, method, arguments) -> {
                    Object result = call(device, method, arguments);
                    return result instanceof DeviceArena arena
                            ? new Watched(arena).arena()
                            : result;
                });
    }

    private static <T> T proxy(Class<T> type, T behind, InvocationHandler handler) {
        return type.cast(
                Proxy.newProxyInstance(
                        type.getClassLoader(),
                        new Class<?>[] {type},
                        (proxy, method, arguments) ->
                                method.getName().equals("equals")
                                        ? proxy == arguments[0]
                                        : handler.invoke(proxy, method, arguments)));
    }

    private static Object call(Object target, Method method, Object[] arguments) throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    /** An arena between what asks and what does. */
    private final class Watched {
        private final DeviceArena arena;

        Watched(DeviceArena arena) {
            this.arena = arena;
        }

        DeviceArena arena() {
            return proxy(
                    DeviceArena.class,
                    arena,
                    (proxy, method, arguments) ->
                            switch (method.getName()) {
                                case "sumsBesideWork" -> true;
                                case "startAllReduce" -> {
                                    start(arguments);
                                    yield call(arena, method, arguments);
                                }
                                case "awaitAllReduce" -> {
                                    await();
                                    yield call(arena, method, arguments);
                                }
                                case "kernels" -> kernels(arena.kernels());
                                default -> call(arena, method, arguments);
                            });
        }

        @SuppressWarnings("unchecked")
        private void start(Object[] arguments) throws Throwable {
            List<Matrix> parts = (List<Matrix>) arguments[0];
            log.add("sum");
            messages.add(parts);
            parts.forEach(part -> sent.put(part, values(part)));
        }

        private void await() {
            log.add("await");
            sent.forEach(
                    (part, then) -> {
                        if (!Arrays.equals(then, values(part))) {
                            overwritten.add(part);
                        }
                    });
            sent.clear();
        }

        private float[] values(Matrix part) {
            float[] values = new float[part.rows() * part.columns()];
            arena.download(part, values, 0);
            return values;
        }

        private Kernels kernels(Kernels kernels) {
            return proxy(
                    Kernels.class,
                    kernels,
                    (proxy, method, arguments) -> {
                        log.add(method.getName());
                        return call(kernels, method, arguments);
                    });
        }
    }
}
