//! `mariadb-dump`, 10.11.

use super::*;

const DUMP: &str = r#"/*M!999999\- enable the sandbox mode */ 
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: nasty
-- ------------------------------------------------------
-- Server version	10.11.19-MariaDB-0+deb12u1

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;

--
-- Sequence structure for `my seq`
--

DROP SEQUENCE IF EXISTS `my seq`;
CREATE SEQUENCE `my seq` start with 5 minvalue 1 maxvalue 9223372036854775806 increment by 1 cache 1000 nocycle ENGINE=InnoDB;
DO SETVAL(`my seq`, 1005, 0);

--
-- Table structure for table `--opt`
--

DROP TABLE IF EXISTS `--opt`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `--opt` (
  `--x` int(11) DEFAULT NULL COMMENT 'it''s; -- Dump completed on 2024-01-01 10:00:00\n*/ /*!50001 x'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `--opt`
--

LOCK TABLES `--opt` WRITE;
/*!40000 ALTER TABLE `--opt` DISABLE KEYS */;
INSERT INTO `--opt` VALUES
(1),
(-2),
(NULL);
/*!40000 ALTER TABLE `--opt` ENABLE KEYS */;
UNLOCK TABLES;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;
/*!50003 SET sql_mode              = 'NO_BACKSLASH_ESCAPES' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER nbtrg BEFORE UPDATE ON `--opt` FOR EACH ROW SET @y = '\' 
*/;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`view table ``x`` procedure`@`localhost`*/ /*!50003 TRIGGER /* named */ nasty . third BEFORE DELETE ON `--opt` FOR EACH ROW SET @x = 'INSERT INTO `t` VALUES (1)' 
*/;;
DELIMITER ;

--
-- Temporary table structure for view `a view`
--

DROP TABLE IF EXISTS `a view`;
/*!50001 DROP VIEW IF EXISTS `a view`*/;
SET @saved_cs_client     = @@character_set_client;
SET character_set_client = utf8mb4;
/*!50001 CREATE VIEW `a view` AS SELECT
 NULL AS `Id`,
 NULL AS `odd ``col` */;
SET character_set_client = @saved_cs_client;

--
-- Table structure for table `back``tick```
--

CREATE TABLE `back``tick``` (
  `c``1` int(11) DEFAULT NULL,
  `values` int(11) DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
INSERT INTO `back``tick``` VALUES
(1,2);

--
-- Table structure for table `new
-- line`
--

CREATE TABLE `new
line` (
  `a` int(11) DEFAULT NULL CHECK (`a` > 0 or 'x)' = ');')
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

CREATE TABLE `vers` (
  `id` int(11) DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci WITH SYSTEM VERSIONING;
/*M!101100 SET @old_system_versioning_insert_history=@@session.system_versioning_insert_history, @@session.system_versioning_insert_history=1 */;
INSERT INTO `vers` (`id`, `row_start`, `row_end`) VALUES (1,'2026-11-25 02:29:52.1','2026-11-25 02:29:53.2'),
(3,'2026-11-25 02:29:52.1','2038-01-19 03:14:07.999999');
/*M!101100 SET system_versioning_insert_history=@old_system_versioning_insert_history */;

CREATE TABLE `表Ü` (
  `k` date NOT NULL
) ENGINE=InnoDB
 PARTITION BY RANGE (year(`k`))
(PARTITION `p0` VALUES LESS THAN (2000) COMMENT = 'x); INSERT INTO' ENGINE = InnoDB,
 PARTITION `p1` VALUES LESS THAN MAXVALUE ENGINE = InnoDB);

--
-- Dumping events for database 'nasty'
--
/*!50106 SET @save_time_zone= @@TIME_ZONE */ ;
/*!50106 DROP EVENT IF EXISTS `event 1` */;
DELIMITER ;;
/*!50003 SET sql_mode              = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION' */ ;;
/*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ /*!50106 EVENT `event 1` ON SCHEDULE EVERY 1 DAY STARTS '2026-11-25 02:29:52' ON COMPLETION NOT PRESERVE ENABLE COMMENT 'it''s' DO BEGIN DELETE FROM `values` WHERE 0; INSERT INTO `values` VALUES (9,9,9); END 
*/ ;;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;;
DELIMITER ;
/*!50106 SET TIME_ZONE= @save_time_zone */ ;

--
-- Dumping routines for database 'nasty'
--
DELIMITER ;;
CREATE DEFINER=`root`@`localhost` AGGREGATE FUNCTION `f2`(x INT) RETURNS int(11)
BEGIN DECLARE mx INT DEFAULT 0; LOOP FETCH GROUP NEXT ROW; SET mx = mx + x; END LOOP; END
;;
DELIMITER ;
/*!50003 SET sql_mode              = 'ANSI_QUOTES' */ ;
DELIMITER ;;
CREATE DEFINER="root"@"localhost" PROCEDURE "ansi \"()
SELECT "values"."insert" AS "a\" FROM "values"
;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;
DELIMITER ;;
CREATE DEFINER=`root`@`localhost` PROCEDURE `proc`(IN a INT, OUT `b` VARCHAR(10))
    COMMENT 'it''s ; */'
BEGIN
  INSERT INTO `values` VALUES (1,2,3),(4,5,6);
  -- Dump completed on 2024-01-01 10:00:00
  CREATE TEMPORARY TABLE zz (a int);
  SELECT ';;', ";;", 1/2, 2*3/*c*/ , 5--1;
END
;;
DELIMITER ;
/*!50003 SET sql_mode              = 'PIPES_AS_CONCAT,ANSI_QUOTES,IGNORE_SPACE,ORACLE,NO_KEY_OPTIONS' */ ;
/*!50003 DROP PACKAGE IF EXISTS `pkg` */;
DELIMITER ;;
CREATE DEFINER="root"@"localhost" PACKAGE "pkg" AS FUNCTION f RETURN INT; PROCEDURE p; END
;;
DELIMITER ;
/*!50003 DROP PACKAGE BODY IF EXISTS `pkg` */;
DELIMITER ;;
CREATE DEFINER="root"@"localhost" PACKAGE BODY "pkg" AS FUNCTION f RETURN INT AS BEGIN RETURN 10; END; PROCEDURE p AS BEGIN SELECT f(); END; BEGIN SET @a = 'x'; END
;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;

--
-- Final view structure for view `a view`
--

/*!50001 DROP VIEW IF EXISTS `a view`*/;
/*!50001 SET collation_connection      = utf8mb3_general_ci */;
/*!50001 CREATE ALGORITHM=UNDEFINED */
/*!50013 DEFINER=`trigger`@`%` SQL SECURITY DEFINER */
/*!50001 VIEW `a view` AS select `MixedCase`.`Id` AS `Id`,'*/ ; it\'s -- x' AS `odd ``col` from `MixedCase` */
/*!50002 WITH LOCAL CHECK OPTION */;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2026-11-25  2:40:24
"#;

#[test]
fn every_object_is_found_once_by_its_kind_and_name() {
    let expected = ScriptContents {
        rows: rows([("--opt", 3), ("back`tick`", 1), ("new\nline", 0), ("vers", 2), ("表Ü", 0)]),
        views: names(["a view"]),
        triggers: names(["nbtrg", "third"]),
        procedures: names(["ansi \\", "proc"]),
        functions: names(["f2"]),
        packages: names(["pkg"]),
        package_bodies: names(["pkg"]),
        events: names(["event 1"]),
        sequences: names(["my seq"]),
        ..ScriptContents::default()
    };
    assert_eq!(read(DUMP), Ok(expected));
}

#[test]
fn every_shorter_dump_is_incomplete() {
    for length in 0..DUMP.len() - 1 {
        assert!(read(&DUMP.as_bytes()[..length]).is_err(), "{length}");
    }
    assert!(read(DUMP.trim_end()).is_ok());
}

#[test]
fn pieces_of_any_size_have_the_same_result() {
    for length in [1, 2, 3, 63, 64, 65, 1000] {
        assert_eq!(read_in_pieces(DUMP.as_bytes(), length), read(DUMP), "{length}");
    }
}

/// A tool of MySQL's family takes a sequence for a table.
#[test]
fn a_sequence_dumped_as_a_table_is_a_sequence() {
    let contents = contents(
        "CREATE TABLE `s2` (
  `next_not_cached_value` bigint(21) NOT NULL,
  `cache_size` bigint(21) unsigned NOT NULL COMMENT 'SEQUENCE=1'
) ENGINE=InnoDB SEQUENCE=1;
INSERT INTO `s2` VALUES (-1,0);
CREATE TABLE `t` (
  `sequence` int(11) DEFAULT 1 CHECK (SEQUENCE=1)
) ENGINE=InnoDB COMMENT='SEQUENCE=1';
",
    );
    assert_eq!(contents.sequences, names(["s2"]));
    assert_eq!(contents.rows, rows([("t", 0)]));
}
