package org.densenet4j.download;

import java.net.URI;
import java.util.List;

/**
 * A jar of NVIDIA's libraries in a Maven repository, and what of it is wanted.
 *
 * @param group Maven group
 * @param name Maven artifact
 * @param version Maven version
 * @param classifier Maven classifier
 * @param sha256 of the jar, as it was when this version of the engine was made
 * @param downloadBytes size of the jar
 * @param unpackedBytes size of the wanted files
 * @param prefixes beginnings of the file names that are wanted
 */
public record Artifact(
        String group,
        String name,
        String version,
        String classifier,
        String sha256,
        long downloadBytes,
        long unpackedBytes,
        List<String> prefixes) {

    /**
     * cuDNN 9.5.1, cuBLAS 12.6 and NVRTC 12.6 for Linux on x86-64, what JCuda 12.6 is linked
     * against, and NCCL 2.23.4 (256 MB of it).
     */
    public static final Artifact CUDA_LINUX =
            new Artifact(
                    "org.bytedeco",
                    "cuda",
                    "12.6-9.5-1.5.11",
                    "linux-x86_64-redist",
                    "b9130f92e121c5ae39d93083b2db5305af3b53bab1ef232463e281593ebb74d0",
                    2_026_748_503L,
                    1_786_055_784L,
                    List.of("libcudnn", "libcublas", "libnvrtc", "libnccl"));

    /** Where the jar lies below the repository's address. */
    URI in(URI repository) {
        String base = repository.toString();
        return URI.create(
                (base.endsWith("/") ? base : base + "/")
                        + String.join("/", group.replace('.', '/'), name, version, fileName()));
    }

    String fileName() {
        return name + "-" + version + "-" + classifier + ".jar";
    }

    /** Whether an entry of the jar is wanted, by its file name. */
    boolean wants(String fileName) {
        return prefixes.stream().anyMatch(fileName::startsWith);
    }

    @Override
    public String toString() {
        return String.join(":", group, name, version, classifier);
    }
}
