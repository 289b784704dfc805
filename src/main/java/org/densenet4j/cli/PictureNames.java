package org.densenet4j.cli;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** What pictures that are made of images are called. */
final class PictureNames {
    private PictureNames() {}

    /**
     * The images' own names without extensions, and where images of several folders have the same
     * one, or one that differs in case alone, with a number.
     */
    static Map<Path, String> of(List<Path> images) {
        Set<String> taken = new HashSet<>();
        Map<Path, String> names = new LinkedHashMap<>();
        for (Path image : new LinkedHashSet<>(images)) {
            String base = String.valueOf(image.getFileName()).replaceFirst("\\.[^.]*$", "");
            String name = base;
            for (int number = 2; !taken.add(name.toLowerCase(Locale.ROOT)); number++) {
                name = base + "-" + number;
            }
            names.put(image, name);
        }
        return names;
    }
}
