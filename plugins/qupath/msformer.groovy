/*
 * Correct masks of msformer in QuPath. Automate > Script editor, open this file, set OUT, and run it twice for an image:
 * the first run loads the outlines, the second saves them as OUT/corrections/NAME.geojson, which
 * `msformer learn --again OUT` reads. "Run for project" does either for all images of a project.
 *
 * OUT is a folder that `msformer segment IMAGES -o OUT --format png --format geojson` wrote. Places are px of the base
 * level, so images must be read by msformer at their full size.
 */
import qupath.lib.common.GeneralTools
import qupath.lib.io.PathIO

def OUT = "/path/to/results"
def SAVE = null  // true: save, false: load anew, null: load where nothing of msformer is there yet, else save

def entry = getProjectEntry()
def name = GeneralTools.stripExtension(entry == null ? getCurrentServer().getMetadata().getName() : entry.getImageName())
def corrected = new File(OUT, "corrections/${name}.geojson")
def automatic = new File(OUT, "masks/${name}.geojson")
def areas = getAnnotationObjects().findAll { it.hasROI() && it.getROI().isArea() }

def isSaving = SAVE == null ? !areas.isEmpty() : SAVE
if (isSaving) {
    corrected.getParentFile().mkdirs()
    def part = new File(corrected.getParentFile(), ".${name}.geojson.part")
    exportObjectsToGeoJson(areas, part.getAbsolutePath(), "FEATURE_COLLECTION")
    java.nio.file.Files.move(part.toPath(), corrected.toPath(), java.nio.file.StandardCopyOption.REPLACE_EXISTING)
    println "saved ${areas.size()} annotations in ${corrected}"
} else {
    def file = corrected.exists() ? corrected : automatic
    if (!file.exists()) {
        println "no outlines of ${name} in ${OUT}: msformer segment ... --format geojson writes them"
        return
    }
    removeObjects(areas, true)
    addObjects(PathIO.readObjects(file))
    fireHierarchyUpdate()
    println "loaded ${file}"
}
