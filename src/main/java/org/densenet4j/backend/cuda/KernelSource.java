package org.densenet4j.backend.cuda;

import org.densenet4j.backend.DeviceException;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A program's sources of {@code cuda-kernels/}, which travel in the jar. */
final class KernelSource {
    /** The file that includes all others. */
    static final String MAIN = "kernels.cu";

    /** The file that includes the kernels of a dense layer. */
    static final String DENSE_LAYER = "dense_layer.cu";

    private static final Pattern INCLUDE = Pattern.compile("(?m)^#include \"([a-z0-9_]+\\.cuh?)\"");

    private final Map<String, String> files = new TreeMap<>();

    private final String main;

    private KernelSource(String main) {
        this.main = main;
    }

    /**
     * @param main the file that includes the program's others
     */
    static KernelSource read(String main) {
        KernelSource source = new KernelSource(main);
        source.add(main);
        return source;
    }

    /** The file that includes the others. */
    String main() {
        return main;
    }

    private void add(String name) {
        if (files.containsKey(name)) {
            return;
        }
        String text =
                resource(name)
                        .orElseThrow(
                                () ->
                                        new DeviceException(
                                                "the kernel source "
                                                        + name
                                                        + " is not in the jar; build it again"));
        files.put(name, text);
        Matcher include = INCLUDE.matcher(text);
        while (include.find()) {
            add(include.group(1));
        }
    }

    /** A file of {@code cuda-kernels/} in the jar. */
    static Optional<String> resource(String name) {
        try (InputStream in = KernelSource.class.getResourceAsStream("/cuda-kernels/" + name)) {
            return in == null
                    ? Optional.empty()
                    : Optional.of(new String(in.readAllBytes(), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new DeviceException("cannot read " + name + " from the jar", e);
        }
    }

    /** File names and their text. */
    Map<String, String> files() {
        return files;
    }

    /** Identifies this source together with how it is compiled. */
    String fingerprint(String compilation) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(compilation.getBytes(StandardCharsets.UTF_8));
            files.forEach(
                    (name, text) -> {
                        digest.update(name.getBytes(StandardCharsets.UTF_8));
                        digest.update(text.getBytes(StandardCharsets.UTF_8));
                    });
            return HexFormat.of().formatHex(digest.digest(), 0, 12);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }
}
