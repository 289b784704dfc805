package org.densenet4j.bench;

import ai.onnxruntime.OrtEnvironment;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * ONNX Runtime's native libraries, unpacked once: the Java package would unpack its 30 MB in every
 * process that starts, where JavaCPP, which libtorch and oneDNN come with, keeps them.
 */
final class OnnxRuntimeLibraries {
    private static final String IN_JAR = "/ai/onnxruntime/native/linux-x64/";

    private OnnxRuntimeLibraries() {}

    /** Unpacks, and returns what a JVM has to be started with. */
    static List<String> unpack(Path folder) throws IOException {
        Files.createDirectories(folder);
        for (String name : List.of("libonnxruntime.so", "libonnxruntime4j_jni.so")) {
            try (InputStream in = OrtEnvironment.class.getResourceAsStream(IN_JAR + name)) {
                if (in == null) {
                    throw new IOException("ONNX Runtime's Java package has no " + IN_JAR + name);
                }
                Files.copy(in, folder.resolve(name));
            }
        }
        return List.of("-Donnxruntime.native.path=" + folder);
    }
}
