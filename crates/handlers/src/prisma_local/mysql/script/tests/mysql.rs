//! `mysqldump` of MySQL 5.6 to 9.

use super::*;

const DUMP: &str = r"-- MySQL dump 10.13  Distrib 9.6.0, for Linux (x86_64)
--
-- Host: localhost    Database: shop
-- ------------------------------------------------------
-- Server version	9.6.0

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;
SET @@SESSION.SQL_LOG_BIN= 0;

--
-- GTID state at the beginning of the backup 
--

SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '0e2a99e8-0997-11f1-ab69-c2f3e01760ec:1-10';

--
-- Table structure for table `Item`
--

DROP TABLE IF EXISTS `Item`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!50503 SET character_set_client = utf8mb4 */;
CREATE TABLE `Item` (
  `id` int NOT NULL AUTO_INCREMENT,
  `doc` json DEFAULT NULL,
  `raw` blob,
  `total` decimal(10,2) GENERATED ALWAYS AS ((`id` * 2)) VIRTUAL,
  `hidden` int DEFAULT '5' /*!80023 INVISIBLE */,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci
/*!50100 PARTITION BY HASH (`id`)
PARTITIONS 4 */;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `Item`
--

LOCK TABLES `Item` WRITE;
/*!40000 ALTER TABLE `Item` DISABLE KEYS */;
INSERT INTO `Item` (`id`, `doc`, `raw`, `hidden`) VALUES (1,'{\'a\': \'(x),(y)\'}',_binary '\0\'),(\\',5),(2,NULL,0x27292C28,-5),(3,'[]','',5);
/*!40000 ALTER TABLE `Item` ENABLE KEYS */;
UNLOCK TABLES;
/*!80002 ANALYZE TABLE `Item` UPDATE HISTOGRAM ON `hidden` WITH 100 BUCKETS */;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;
/*!50003 SET sql_mode              = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`trigger`@`%`*/ /*!50003 TRIGGER `item_changed` BEFORE UPDATE ON `Item` FOR EACH ROW BEGIN
  -- it's a comment with */ and ;; in it
  IF NEW.id > 1 THEN INSERT INTO `log` VALUES (1),(2); END IF;
END */;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;

--
-- Temporary view structure for view `cheap`
--

DROP TABLE IF EXISTS `cheap`;
/*!50001 DROP VIEW IF EXISTS `cheap`*/;
SET @saved_cs_client     = @@character_set_client;
/*!50503 SET character_set_client = utf8mb4 */;
/*!50001 CREATE VIEW `cheap` AS SELECT 
 1 AS `id`,
 1 AS `doc`*/;
SET character_set_client = @saved_cs_client;

--
-- Dumping events for database 'shop'
--
/*!50106 SET @save_time_zone= @@TIME_ZONE */ ;
/*!50106 DROP EVENT IF EXISTS `nightly` */;
DELIMITER ;;
/*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ /*!50106 EVENT `nightly` ON SCHEDULE EVERY 1 DAY STARTS '2024-01-01 00:00:00' ON COMPLETION NOT PRESERVE ENABLE DO DELETE FROM `Item` WHERE `id` < 0 */ ;;
DELIMITER ;
/*!50106 SET TIME_ZONE= @save_time_zone */ ;

--
-- Dumping routines for database 'shop'
--
/*!50003 DROP FUNCTION IF EXISTS `twice` */;
DELIMITER ;;
CREATE DEFINER=`root`@`localhost` FUNCTION `twice`(x INT) RETURNS int
    DETERMINISTIC
RETURN x * 2 ;;
DELIMITER ;
/*!50003 DROP PROCEDURE IF EXISTS `say` */;
DELIMITER ;;
CREATE DEFINER=`root`@`localhost` PROCEDURE `say`()
BEGIN SELECT 'CREATE TABLE `x` (a int);'; CREATE TABLE IF NOT EXISTS `y` (a int); END ;;
DELIMITER ;

--
-- Final view structure for view `cheap`
--

/*!50001 DROP VIEW IF EXISTS `cheap`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */
/*!50001 VIEW `cheap` AS select `Item`.`id` AS `id`,`Item`.`doc` AS `doc` from `Item` */;
SET @@SESSION.SQL_LOG_BIN = @MYSQLDUMP_TEMP_LOG_BIN;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2024-02-29 12:34:56
";

#[test]
fn every_object_is_found_once_by_its_kind_and_name() {
    let expected = ScriptContents {
        rows: rows([("Item", 3)]),
        views: names(["cheap"]),
        triggers: names(["item_changed"]),
        procedures: names(["say"]),
        functions: names(["twice"]),
        events: names(["nightly"]),
        ..ScriptContents::default()
    };
    assert_eq!(read(DUMP), Ok(expected));
}

#[test]
fn every_shorter_dump_is_incomplete() {
    for length in 0..DUMP.len() - 1 {
        assert!(read(&DUMP.as_bytes()[..length]).is_err(), "{length}");
    }
}

/// Before 5.7 a table stood in for a view.
#[test]
fn a_table_that_stands_in_for_a_view_is_not_counted() {
    let stand_in = "/*!50001 CREATE TABLE `v` (\n `id` tinyint NOT NULL\n) ENGINE=MyISAM */;\n";
    let view = "/*!50001 DROP TABLE IF EXISTS `v`*/;
/*!50001 DROP VIEW IF EXISTS `v`*/;
/*!50001 CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `v` AS select 1 AS `id` */;
";
    let contents = contents(&[stand_in, view].concat());
    assert_eq!(contents.views, names(["v"]));
    assert_eq!(contents.rows, rows([]));
}

#[test]
fn a_view_of_which_only_the_stand_in_is_there_is_missing() {
    let contents = contents("/*!50001 CREATE VIEW `v` AS SELECT \n 1 AS `id`*/;\n");
    assert_eq!(contents.views, names([]));
    assert_eq!(contents.rows, rows([]));
}

#[test]
fn what_the_tool_was_not_allowed_to_read_is_reported() {
    let contents = contents(
        "
-- insufficient privileges to SHOW CREATE FUNCTION `twice`
-- does app have permissions on mysql.proc?

CREATE TABLE `t` (`a` int COMMENT '
-- insufficient privileges to '
-- insufficient privileges to
);
",
    );
    assert_eq!(
        contents.insufficient,
        ["-- insufficient privileges to SHOW CREATE FUNCTION `twice`"]
    );
}
